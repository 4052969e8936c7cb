{{/* What objects of this release are called, and how they are found. */}}

{{- define "drainline.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "drainline" $name) }}{{ $name = printf "%s-drainline" $name }}{{ end -}}
{{- .Values.fullnameOverride | default $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "drainline.selector" -}}
app.kubernetes.io/name: drainline
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "drainline.labels" -}}
{{ include "drainline.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
