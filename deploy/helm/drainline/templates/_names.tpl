{{/* What objects of this release are called, and how they are found. */}}

{{- define "drainline.name" -}}
{{- $name := .Release.Name | replace "." "-" -}}
{{- if not (contains "drainline" $name) }}{{ $name = printf "%s-drainline" $name }}{{ end -}}
{{- $name = .Values.fullnameOverride | default $name | trunc 40 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]" $name) }}{{ fail (printf "the name %s begins with a digit, which Kubernetes refuses for a Service: give the release another, or set fullnameOverride" $name) }}{{ end -}}
{{- $name -}}
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
