{{/* The parts of pods that all have. */}}

{{- define "drainline.image" -}}
{{- $image := .root.Values.image -}}
image: {{ if $image.registry }}{{ trimSuffix "/" $image.registry }}/{{ end }}{{ .name }}:{{ $image.tag | default .root.Chart.AppVersion }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end }}

{{/* As the restricted Pod Security standard wants it; 65532 is the user of the images. */}}
{{- define "drainline.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "drainline.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What is in the environment counts before what is in the configuration, also what images bring. */}}
{{- define "drainline.env" -}}
- {name: DRAINLINE_ADMIN__LISTEN, value: {{ .Values.config.admin.listen | quote }}}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "drainline.mounts" -}}
- {name: config, mountPath: /etc/drainline, readOnly: true}
- {name: secrets, mountPath: /run/secrets/drainline, readOnly: true}
{{- end }}

{{/* The configuration out of a ConfigMap, and all secrets as files in one folder: those of the senders and
     destinations, and of NATS' users the one that the service is. */}}
{{- define "drainline.volumes" -}}
- name: config
  configMap: {name: {{ .configMap }}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .root.Values.secrets }}
      - secret: {name: {{ . }}}
      {{- end }}
      {{- with .root.Values.nats }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items:
            - {key: {{ $.user }}.nk, path: nkey}
            {{- if .caKey }}
            - {key: {{ .caKey }}, path: nats-ca.pem}
            {{- end }}
      {{- end }}
      {{- end }}
{{- end }}
