{{- define "esoz-notify.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "esoz-notify.labels" -}}
app.kubernetes.io/name: esoz-notify
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "esoz-notify.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The file of settings: every value of `config` as TOML; JSON's texts, numbers and truth values are TOML's. */}}
{{- define "esoz-notify.config" -}}
{{- range $name, $value := .Values.config }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}

{{/* What every pod may do: nothing. It fits the Pod Security Standard "restricted". */}}
{{- define "esoz-notify.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "esoz-notify.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The image, its settings and its places; of API and worker alike. */}}
{{- define "esoz-notify.container" -}}
image: {{ include "esoz-notify.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- include "esoz-notify.containerSecurity" . | nindent 2 }}
env:
  - {name: ESOZ_NOTIFY_CONFIG, value: /etc/esoz-notify/config.toml}
  - {name: ESOZ_NOTIFY_DSN_FILE, value: /etc/esoz-notify/secrets/dsn}
  - {name: ESOZ_NOTIFY_KEYS_FILE, value: /etc/esoz-notify/secrets/keys.json}
  - {name: ESOZ_NOTIFY_AUDIT_KEY_FILE, value: /etc/esoz-notify/secrets/audit-key.pem}
  - {name: ESOZ_NOTIFY_AUDIT_ANCHORS_FILE, value: /var/lib/esoz-notify/anchors/audit-anchors.jsonl}
  - {name: ESOZ_NOTIFY_DATA, value: /var/lib/esoz-notify}
  {{- range $key, $setting := .Values.secret.more }}
  - {name: ESOZ_NOTIFY_{{ upper $setting }}_FILE, value: /etc/esoz-notify/secrets/{{ $key }}}
  {{- end }}
  {{- if .Values.tls.secretName }}
  - {name: ESOZ_NOTIFY_TLS_CERTIFICATE, value: /etc/esoz-notify/tls/tls.crt}
  - {name: ESOZ_NOTIFY_TLS_KEY, value: /etc/esoz-notify/tls/tls.key}
  {{- end }}
  {{- if .Values.metrics.port }}
  - {name: ESOZ_NOTIFY_METRICS_LISTEN, value: "0.0.0.0:{{ .Values.metrics.port }}"}
  {{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/esoz-notify/config.toml, subPath: config.toml, readOnly: true}
  - {name: secrets, mountPath: /etc/esoz-notify/secrets, readOnly: true}
  - {name: data, mountPath: /var/lib/esoz-notify}
  - {name: anchors, mountPath: /var/lib/esoz-notify/anchors}
  - {name: tmp, mountPath: /tmp}
  {{- if .Values.files.configMap }}
  - {name: files, mountPath: /etc/esoz-notify/files, readOnly: true}
  {{- end }}
  {{- if .Values.tls.secretName }}
  - {name: tls, mountPath: /etc/esoz-notify/tls, readOnly: true}
  {{- end }}
{{- end }}

{{- define "esoz-notify.volumes" -}}
- name: config
  configMap: {name: {{ include "esoz-notify.name" . }}}
- name: secrets
  secret: {secretName: {{ .Values.secret.name }}, defaultMode: 0440}
- name: data
  emptyDir: {sizeLimit: 64Mi}
- name: anchors
  {{- if .Values.audit.anchorsClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.audit.anchorsClaim }}}
  {{- else }}
  emptyDir: {sizeLimit: 16Mi}
  {{- end }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- if .Values.files.configMap }}
- name: files
  configMap: {name: {{ .Values.files.configMap }}}
{{- end }}
{{- if .Values.tls.secretName }}
- name: tls
  secret: {secretName: {{ .Values.tls.secretName }}, defaultMode: 0440}
{{- end }}
{{- end }}
