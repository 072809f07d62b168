{{/* Labels of every object. Takes (dict "root" $ "component" "broker"). */}}
{{- define "edgefleet.labels" -}}
{{ include "edgefleet.selector" . }}
app.kubernetes.io/part-of: edgefleet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels that pods are found by; never changed, because a Deployment's selector cannot be. */}}
{{- define "edgefleet.selector" -}}
app.kubernetes.io/name: edgefleet-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* An image's reference. Takes (dict "root" $ "reference" .Values.images.broker "name" "broker"). */}}
{{- define "edgefleet.image" -}}
{{ .reference | default (printf "%s/%s:%s" .root.Values.images.prefix .name .root.Chart.AppVersion) | quote }}
{{- end }}
