"""What Paramedic's dashboards are made of: panels in Grafana's terms, each asking Prometheus."""

from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.common import ScaleDistributionConfig
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import ScaleDistribution
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

HEALTH = {"healthy": (0, "green"), "info": (1, "blue"), "warning": (2, "orange"), "critical": (3, "red")}
"""Values of paramedic:run_health:worst, with the colours that stand for them."""


class Page:
    """One dashboard in the making; panels stand in the order in which they were added, 24 columns wide.

    Args:
        name: Of the dashboard's file and address, after "paramedic-".
        description: One sentence.
    """

    def __init__(self, name: str, description: str) -> None:
        siblings = (
            dashboard.DashboardLink("Paramedic").type(DashboardLinkType.DASHBOARDS).tags(["paramedic"]).keep_time(True)
        )
        source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
        self.uid = f"paramedic-{name}"
        self._dashboard = (
            dashboard.Dashboard(f"Paramedic: {name}")
            .uid(self.uid)
            .description(description)
            .tags(["paramedic"])
            .readonly()
            .refresh("15s")
            .time("now-1h", "now")
            .link(siblings)
            .with_variable(source)
        )

    def json(self) -> str:
        """The dashboard as Grafana reads it."""
        return JSONEncoder(sort_keys=True, indent=2).encode(self._dashboard.build()) + "\n"

    def choose(self, name: str, values: str, *, many: bool = False) -> None:
        """Adds a variable, whose values come from Prometheus."""
        variable = (
            dashboard.QueryVariable(name)
            .label(name.capitalize())
            .query(values)
            .datasource(SOURCE)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
        )
        self._dashboard.with_variable(variable.multi(True).include_all(True).all_value(".+") if many else variable)

    def annotate(self, name: str, expression: str) -> None:
        """Marks on all panels when an expression has a value."""
        marks = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color("red")
        self._dashboard.annotation(marks.expr(expression))

    def row(self, title: str) -> None:
        """Begins a part."""
        self._dashboard.with_row(dashboard.Row(title))

    def number(
        self, title: str, expression: str, *, width: int, unit: str = "short", decimals: int = 0, colour: str = "text"
    ) -> None:
        """Adds one number, as it is now."""
        steps = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color=colour)])
        panel = stat.Panel().unit(unit).decimals(decimals).thresholds(steps)
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        self._add(panel.with_target(_query(expression, instant=True)), title, width, 4)

    def lines(
        self, title: str, curves: Mapping[str, str], *, width: int = 12, unit: str = "short", log: bool = False
    ) -> None:
        """Adds curves over time: expressions by legend."""
        panel = timeseries.Panel().unit(unit)
        if log:
            panel.scale_distribution(ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))
        for legend, expression in curves.items():
            panel.with_target(_query(expression, legend))
        self._add(panel, title, width, 8)

    def bars(self, title: str, expression: str, legend: str, *, width: int = 12) -> None:
        """Adds one bar a series, as they are now."""
        self._add(bargauge.Panel().with_target(_query(expression, legend, instant=True)), title, width, 8)

    def heat(self, title: str, expression: str, legend: str, *, width: int = 12) -> None:
        """Adds a row a series, coloured by value over time."""
        self._add(heatmap.Panel().with_target(_query(expression, legend)), title, width, 9)

    def states(self, title: str, expression: str, legend: str, *, width: int = 12) -> None:
        """Adds a row a series that shows when it was there."""
        self._add(statetimeline.Panel().with_target(_query(expression, legend)), title, width, 9)

    def listing(self, title: str, expression: str, *, width: int, value: str | None = None) -> None:
        """Adds a table of series, as they are now.

        Args:
            title: Of the panel.
            expression: Its labels become columns.
            width: Of the panel.
            value: Title of the column of health values; None hides it.
        """
        hidden = {"Time": True, "Value": value is None}
        tidy = DataTransformerConfig(
            id_val="organize", options={"excludeByName": hidden, "renameByName": {"Value": value} if value else {}}
        )
        words = {str(number): ValueMappingResult(text=name, color=colour) for name, (number, colour) in HEALTH.items()}
        panel = table.Panel().with_transformation(tidy).mappings([ValueMap(options=words)])
        target = _query(expression, instant=True).format(PromQueryFormat.TABLE)
        self._add(panel.with_target(target), title, width, 9)

    def _add(self, panel: Any, title: str, width: int, height: int) -> None:
        self._dashboard.with_panel(panel.title(title).datasource(SOURCE).span(width).height(height))


def _query(expression: str, legend: str = "", *, instant: bool = False) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().expr(expression).legend_format(legend)
    return asked.instant() if instant else asked.range()
