{{- define "tollbook.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tollbook.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tollbook.labels" -}}
{{ include "tollbook.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tollbook.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "tollbook.scheme" -}}
{{- if .Values.tls.secret -}}HTTPS{{- else -}}HTTP{{- end -}}
{{- end -}}

{{/* What cannot work is refused here, with the way out. */}}
{{- define "tollbook.check" -}}
{{- if not .Values.clickhouse.url -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- fail "replicas above 1 need clickhouse.url: the embedded store belongs to one collector" -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling needs clickhouse.url: the embedded store belongs to one collector" -}}
{{- end -}}
{{- if .Values.clickhouse.cluster -}}
{{- fail "clickhouse.cluster needs clickhouse.url" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.clientCertificates (not .Values.tls.secret) -}}
{{- fail "tls.clientCertificates needs tls.secret, a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- end -}}

{{- define "tollbook.clickhousePort" -}}
{{- $host := (urlParse .Values.clickhouse.url).host -}}
{{- if regexMatch ":[0-9]+$" $host -}}
{{- regexFind "[0-9]+$" $host -}}
{{- else if hasPrefix "https" .Values.clickhouse.url -}}8443{{- else -}}8123
{{- end -}}
{{- end -}}
