{{/* The configuration, and what of it the rest of the chart has to know. */}}

{{/* drainline.yaml: the values under config, and where the secrets of NATS are. */}}
{{- define "drainline.config" -}}
{{- $bus := dict -}}
{{- if .Values.nats.existingSecret -}}
{{- $_ := set $bus "nkey_file" "/run/secrets/drainline/nkey" -}}
{{- if .Values.nats.caKey }}{{ $_ := set $bus "tls" (dict "ca_file" "/run/secrets/drainline/nats-ca.pem") }}{{ end -}}
{{- end -}}
{{- toYaml (merge (dict) (deepCopy .Values.config) (dict "bus" $bus)) -}}
{{- end }}

{{/* The ports of the doors and of admin: the numbers that their addresses end in. */}}
{{- define "drainline.logplexPort" -}}
{{- dig "ingest" "logplex" "listen" ":8080" .Values.config | splitList ":" | last -}}
{{- end }}
{{- define "drainline.hecPort" -}}
{{- dig "ingest" "hec" "listen" ":8088" .Values.config | splitList ":" | last -}}
{{- end }}
{{- define "drainline.adminPort" -}}
{{- .Values.config.admin.listen | splitList ":" | last -}}
{{- end }}

{{/* The HEC door is open only with tokens. */}}
{{- define "drainline.hec" -}}
{{- if dig "ingest" "hec" "tokens" (dict) .Values.config }}open{{ end -}}
{{- end }}

{{/* The folder of ingest's spool, if it has one. */}}
{{- define "drainline.spool" -}}
{{- dig "ingest" "spool" "dir" "" .Values.config -}}
{{- end }}

{{/* What a service consumes on NATS, a stream a line. */}}
{{- define "drainline.streams" -}}
{{- $config := .root.Values.config -}}
{{- $prefix := dig "bus" "prefix" "drainline" $config -}}
{{- if eq .service "transform" -}}
{{- range until (int (dig "bus" "raw" "shards" 1 $config)) }}{{ printf "%s_raw_s%d\n" $prefix . }}{{ end -}}
{{- range until (int (dig "bus" "raw" "ordered_shards" 1 $config)) }}{{ printf "%s_raw_o%d\n" $prefix . }}{{ end -}}
{{- else -}}
{{- range $name, $_ := $config.destinations }}{{ printf "%s_events_%s\n" $prefix $name }}{{ end -}}
{{- end -}}
{{- end }}

{{/* The ports of what a service reaches, a port a line: NATS' servers, and the shipper's destinations. Of a URL
     that comes from the environment nothing is known here: that takes networkPolicy.egressPorts. */}}
{{- define "drainline.egressPorts" -}}
{{- range splitList "," .root.Values.config.bus.url -}}
{{- regexFind ":[0-9]+/*$" . | trimAll ":/" | default "4222" }}{{ "\n" -}}
{{- end -}}
{{- if eq .service "shipper" -}}
{{- range $_, $destination := .root.Values.config.destinations -}}
{{- range dig "urls" (list) $destination -}}
{{- regexFind ":[0-9]+(/.*)?$" . | regexFind "[0-9]+" | default (ternary "80" "443" (hasPrefix "http:" .)) }}{{ "\n" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if ne .service "topology" -}}
{{- range .root.Values.networkPolicy.egressPorts }}{{ . }}{{ "\n" }}{{ end -}}
{{- end -}}
{{- end }}
