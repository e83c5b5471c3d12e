"""How the page looks: by day, at night, and on a telephone."""

STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #ffffff; --ink: #1c1d1f; --quiet: #5c6068;
  --rule: #dcdde0; --bad: #b3261e; --good: #1a6b35; --open: #7a5200; --other: #2f5d9e; }
@media (prefers-color-scheme: dark) { :root { --ground: #131416; --card: #1c1e21; --ink: #e6e6e3; --quiet: #a2a7b0;
  --rule: #34373c; --bad: #ff8a80; --good: #7fd49a; --open: #ecc06a; --other: #8db8f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.15rem; font-weight: 600; margin: 0 0 .75rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
h3 { font-size: .95rem; margin: 1rem 0 .35rem; }
p { margin: .35rem 0; }
a { color: var(--other); }
code { font: .9em ui-monospace, monospace; }
.quiet { color: var(--quiet); font-size: .88rem; font-weight: 400; }
.verdict { border: 1px solid var(--rule); border-left: .5rem solid; border-radius: .4rem; background: var(--card);
  padding: .75rem 1rem; }
.verdict strong { font-size: 1.4rem; line-height: 1.25; display: block; margin-bottom: .25rem; }
.good, .bad, .open { font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.verdict.good, .verdict.bad, .verdict.open { font-weight: 400; border-left-color: currentColor; }
.verdict p { color: var(--ink); }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: .4rem; padding: .6rem .9rem;
  margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); }
thead th { color: var(--quiet); font-weight: 500; }
tbody th { font-weight: 600; }
del { color: var(--bad); text-decoration: none; }
ins { color: var(--good); text-decoration: none; font-weight: 600; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .6rem; }
figure { display: flex; flex-direction: column; justify-content: space-between; margin: 0;
  padding: .4rem .5rem; background: var(--card); border: 1px solid var(--rule);
  border-radius: .4rem; }
figcaption { font-size: .88rem; font-weight: 600; }
figcaption span { display: block; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--quiet); stroke-width: 1; }
.seed, .median { fill: none; stroke-linejoin: round; }
.seed { stroke-width: 1; opacity: .5; } .median { stroke-width: 2.6; }
.faulty { stroke: var(--bad); } .fixing { stroke: var(--good); } .other { stroke: var(--other); }
.median.faulty { stroke-dasharray: 7 3; }
.found { stroke: var(--open); stroke-width: 1.3; stroke-dasharray: 2 3; }
.lost { stroke: var(--bad); stroke-width: 1.8; fill: none; }
summary { cursor: pointer; padding: .4rem 0; }
@media (max-width: 40rem) {
  .stacked thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden; }
  .stacked, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; border: 0; padding: 0; }
  .stacked tr { border-bottom: 1px solid var(--rule); padding: .5rem 0; }
  .stacked td[data-label]::before { content: attr(data-label) ": "; color: var(--quiet); }
}
@media print { body { max-width: none; } details > * { display: block; } }
"""
