{{/* What every pod has; the API server's Pod Security Standard `restricted` takes it. */}}
{{- define "edgefleet.pod" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every container has. */}}
{{- define "edgefleet.container" -}}
imagePullPolicy: {{ .Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* A Secret as files that the pod's user alone reads. Takes (dict "name" "tls" "secret" "edgefleet-broker-tls"). */}}
{{- define "edgefleet.secret" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
{{- end }}

{{/* The ports of a Service. Takes (dict "service" .Values.broker.service "name" "mqtts" "port" 8883). */}}
{{- define "edgefleet.ports" -}}
- name: {{ .name }}
  port: {{ .port }}
  targetPort: {{ .name }}
  {{- if and (ne .service.type "ClusterIP") .service.nodePort }}
  nodePort: {{ .service.nodePort }}
  {{- end }}
{{- end }}

{{/* The spec of a PersistentVolumeClaim. Takes .Values.broker.persistence. */}}
{{- define "edgefleet.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}
