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

{{/* The port that a URL names, or that its scheme has. */}}
{{- define "drainline.urlPort" -}}
{{- regexFind ":[0-9]+(/.*)?$" . | regexFind "[0-9]+" | default (ternary "80" "443" (hasPrefix "http:" .)) }}{{ "\n" -}}
{{- end }}

{{/* The ports of what a service reaches, a port a line: NATS' servers, OTLP receivers, and the shipper's
     destinations with their proxies. Of a URL that comes from the environment nothing is known here: that takes
     networkPolicy.egressPorts. */}}
{{- define "drainline.egressPorts" -}}
{{- range splitList "," .root.Values.config.bus.url -}}
{{- regexFind ":[0-9]+/*$" . | trimAll ":/" | default "4222" }}{{ "\n" -}}
{{- end -}}
{{- if eq .service "shipper" -}}
{{- range $_, $destination := .root.Values.config.destinations -}}
{{- range dig "urls" (list) $destination }}{{ include "drainline.urlPort" . }}{{ end -}}
{{- $proxy := dig "proxy" "" $destination -}}
{{- if regexMatch ":[0-9]+/?$" $proxy }}{{ include "drainline.urlPort" $proxy }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $_, $signal := dig "telemetry" (dict) .root.Values.config -}}
{{- with dig "otlp" "" $signal }}{{ include "drainline.urlPort" . }}{{ end -}}
{{- end -}}
{{- range .root.Values.networkPolicy.egressPorts }}{{ . }}{{ "\n" }}{{ end -}}
{{- end }}

{{/* How many bytes a size is, as drainline (8MiB) or Kubernetes (8Gi) has it, or 0 where it is no such size:
     that is for them to say. */}}
{{- define "drainline.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "Ki" 1024 "M" 1000000 "Mi" 1048576 "G" 1000000000 "Gi" 1073741824 "T" 1000000000000 "Ti" 1099511627776 -}}
{{- if not (kindIs "string" .) -}}
{{- int64 . -}}
{{- else if regexMatch "^[0-9.]+ ?([kMGT]i?|Ki)?B?$" . -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (regexFind "[A-Za-z]*$" . | trimSuffix "B" | get $units) | int64 -}}
{{- else }}0{{ end -}}
{{- end }}

{{/* The seconds that ingest may take to stop: it serves for shutdown_delay, and then finishes what is in hand. */}}
{{- define "drainline.ingestGrace" -}}
{{- $start := toDate "2006-01-02" "2000-01-01" -}}
{{- $delay := dig "ingest" "shutdown_delay" "0s" .Values.config | toString -}}
{{- $stopped := mustDateModify (ternary "0s" $delay (eq $delay "0")) $start -}}
{{- max .Values.terminationGracePeriodSeconds (add 50 (sub (unixEpoch $stopped) (unixEpoch $start))) -}}
{{- end }}
