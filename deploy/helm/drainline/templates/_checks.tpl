{{/* What cannot work, or does harm later, is refused before anything is installed. */}}

{{- define "drainline.check" -}}
{{- $config := .Values.config -}}
{{- if not $config.destinations -}}
{{- fail "config.destinations is empty: name where logs go to, such as config.destinations.splunk.urls=[https://splunk.example.com:8088]" -}}
{{- end -}}
{{- range $service := list "ingest" "transform" "shipper" -}}
{{- $scaling := (index $.Values $service).autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.min) (int $scaling.max)) -}}
{{- fail (printf "%s.autoscaling.min is %d and max %d: the most must not be below the least" $service (int $scaling.min) (int $scaling.max)) -}}
{{- end -}}
{{- end -}}
{{- $spool := include "drainline.bytes" (dig "ingest" "spool" "max_bytes" 0 $config) | int64 -}}
{{- $volume := include "drainline.bytes" .Values.ingest.spool.size | int64 -}}
{{- if and (include "drainline.spool" .) (gt $volume 0) (gt $spool $volume) -}}
{{- fail (printf "config.ingest.spool.max_bytes (%v) does not fit into the volume: raise ingest.spool.size (%s), or leave max_bytes out for 70 %% of the volume" $config.ingest.spool.max_bytes .Values.ingest.spool.size) -}}
{{- end -}}
{{- include "drainline.secret" (list "bus.nkey" (dig "bus" "nkey" "" $config)) -}}
{{- include "drainline.secret" (list "ingest.spool.encryption_key" (dig "ingest" "spool" "encryption_key" "" $config)) -}}
{{- range $name, $of := dig "ingest" "logplex" "credentials" (dict) $config -}}
{{- range $key := list "secret" "previous_secret" -}}
{{- include "drainline.secret" (list (printf "ingest.logplex.credentials.%s.%s" $name $key) (get ($of | default dict) $key)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $of := dig "ingest" "hec" "tokens" (dict) $config -}}
{{- include "drainline.secret" (list (printf "ingest.hec.tokens.%s.token" $name) (get ($of | default dict) "token")) -}}
{{- end -}}
{{- include "drainline.secret" (list "redaction.key" (dig "redaction" "key" "" $config)) -}}
{{- range $name, $of := $config.destinations -}}
{{- include "drainline.secret" (list (printf "destinations.%s.token" $name) (get ($of | default dict) "token")) -}}
{{- /* Of a proxy only the password is one. */ -}}
{{- $proxy := get ($of | default dict) "proxy" | default "" -}}
{{- if contains "@" $proxy -}}
{{- include "drainline.secret" (list (printf "destinations.%s.proxy" $name) (regexReplaceAll "^.*//([^:@]*:)?(.*)@[^@]*$" $proxy "${2}")) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A secret as it is would stand in a ConfigMap, for everybody who may read those. The message must not tell it. */}}
{{- define "drainline.secret" -}}
{{- $value := toString (last . | default "") -}}
{{- if not (regexMatch `^(\$\{[A-Za-z_][A-Za-z0-9_]*\})?$` $value) -}}
{{- fail (printf "config.%s is a secret, and config becomes a ConfigMap: put it into one of secrets and give config.%s_file=/run/secrets/drainline/KEY, or ${NAME} and the variable in env" (first .) (first .)) -}}
{{- end -}}
{{- end }}
