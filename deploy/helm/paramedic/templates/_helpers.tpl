{{- define "paramedic.name" -}}
{{- if contains "paramedic" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-paramedic{{ end }}
{{- end }}

{{- define "paramedic.selector" -}}
app.kubernetes.io/name: paramedic
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "paramedic.labels" -}}
{{ include "paramedic.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "paramedic.metadata" -}}
name: {{ include "paramedic.name" . }}
labels:
  {{- include "paramedic.labels" . | nindent 2 }}
{{- end }}

{{- /* An environment variable from a secret: (list NAME SECRET KEY). */}}
{{- define "paramedic.fromSecret" -}}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ index . 1 }}, key: {{ index . 2 }}}}
{{- end }}
