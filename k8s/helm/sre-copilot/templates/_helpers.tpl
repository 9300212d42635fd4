{{- define "sre-copilot.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "sre-copilot.selector" -}}
app.kubernetes.io/name: sre-copilot
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "sre-copilot.labels" -}}
{{ include "sre-copilot.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "sre-copilot.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "sre-copilot.secret" -}}
{{ .Values.secrets.existing | default (include "sre-copilot.name" .) }}
{{- end -}}

{{/* Where nobody else gives the secrets, the chart makes them, which it can for its own servers alone. */}}
{{- define "sre-copilot.makesSecret" -}}
{{- if not (or .Values.secrets.existing .Values.externalSecrets.enabled .Values.secrets.references) -}}yes{{- end -}}
{{- end -}}

{{/* Migrations run before anything else where all that they need is there before the release is. */}}
{{- define "sre-copilot.isHook" -}}
{{- if and .Values.secrets.existing (not .Values.postgresql.bundled) (not .Values.secrets.references) -}}yes{{- end -}}
{{- end -}}

{{- define "sre-copilot.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "sre-copilot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "sre-copilot.fromSecret" -}}
- name: {{ .variable }}
  {{- with index .root.Values.secrets.references .key }}
  value: {{ . | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ include "sre-copilot.secret" .root }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
  {{- end }}
{{- end -}}

{{/* How a process reaches HashiCorp Vault, where secrets are there: as its pod's account, whose token is made for it alone. */}}
{{- define "sre-copilot.vault" -}}
{{- with .Values.secrets.vault }}
{{- if .address }}
- name: VAULT_ADDR
  value: {{ .address | quote }}
- name: COPILOT_VAULT_LOGIN
  value: kubernetes
- name: COPILOT_VAULT_ROLE
  value: {{ .role | quote }}
- name: COPILOT_VAULT_JWT_FILE
  value: /var/run/secrets/sre-copilot/vault/token
{{- if .namespace }}
- name: VAULT_NAMESPACE
  value: {{ .namespace | quote }}
{{- end }}
{{- if .loginPath }}
- name: COPILOT_VAULT_LOGIN_PATH
  value: {{ .loginPath | quote }}
{{- end }}
{{- if .authority }}
- name: VAULT_CACERT
  value: /var/run/secrets/sre-copilot/vault/authority.pem
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sre-copilot.vaultVolume" -}}
{{- with .Values.secrets.vault }}
{{- if .address }}
- name: vault
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 600
          {{- if .audience }}
          audience: {{ .audience | quote }}
          {{- end }}
      {{- if .authority }}
      - configMap:
          name: {{ .authority }}
          items: [{key: ca.crt, path: authority.pem}]
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The environment that all processes share, but the database role. */}}
{{- define "sre-copilot.environment" -}}
- name: COPILOT_DATA
  value: /var/lib/copilot
- name: COPILOT_PUBLIC_URL
  value: {{ .Values.publicUrl | quote }}
- name: COPILOT_OPS_URL
  value: {{ .Values.opsUrl | quote }}
{{- if not (hasKey .Values.settings "COPILOT_ALLOWED_HOSTS") }}
- name: COPILOT_ALLOWED_HOSTS
  value: {{ printf "%s,127.0.0.1,localhost" (regexReplaceAll "^https?://([^:/]+).*$" .Values.opsUrl "${1}") | quote }}
{{- end }}
- name: COPILOT_METRICS_PORT
  value: {{ .Values.monitoring.port | quote }}
- name: COPILOT_WORKER_CONCURRENCY
  value: {{ .Values.worker.concurrency | quote }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with include "sre-copilot.vault" . }}
{{ . | trim }}
{{- end }}
{{ include "sre-copilot.fromSecret" (dict "root" . "variable" "COPILOT_SECRET_KEYS" "key" "secret-keys") }}
{{ include "sre-copilot.fromSecret" (dict "root" . "variable" "REDIS_URL" "key" "redis-url") }}
{{ include "sre-copilot.fromSecret" (dict "root" . "variable" "ANTHROPIC_API_KEY" "key" "anthropic-api-key" "optional" true) }}
{{ include "sre-copilot.fromSecret" (dict "root" . "variable" "COPILOT_SLACK_SIGNING_SECRET" "key" "slack-signing-secret" "optional" true) }}
{{ include "sre-copilot.fromSecret" (dict "root" . "variable" "COPILOT_SLACK_CLIENT_SECRET" "key" "slack-client-secret" "optional" true) }}
{{- end -}}

{{- define "sre-copilot.mounts" -}}
- {name: data, mountPath: /var/lib/copilot}
- {name: tmp, mountPath: /tmp}
{{- if .Values.secrets.vault.address }}
- {name: vault, mountPath: /var/run/secrets/sre-copilot/vault, readOnly: true}
{{- end }}
{{- end -}}

{{/* A pod template: root, component, account, args, databaseKey, environment, ports, probes, grace, preStop, resources. */}}
{{- define "sre-copilot.pod" -}}
metadata:
  labels:
    {{- include "sre-copilot.labels" . | nindent 4 }}
    {{- with .root.Values.serviceAccount.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .component }}
    {{- if include "sre-copilot.makesSecret" .root }}
    checksum/vendors: {{ printf "%s/%s" .root.Values.secrets.anthropicApiKey .root.Values.secrets.slackSigningSecret | sha256sum }}
    {{- end }}
    {{- with .root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: {{ hasSuffix "-reader" .account }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with .root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "sre-copilot.podSecurity" (dict "uid" 10001) | nindent 4 }}
  initContainers:
    - name: wait-for-tables
      image: {{ include "sre-copilot.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [copilot, database, wait, --seconds, "600"]
      env:
        {{- include "sre-copilot.environment" .root | nindent 8 }}
        {{- include "sre-copilot.fromSecret" (dict "root" .root "variable" "DATABASE_URL" "key" .databaseKey) | nindent 8 }}
      resources:
        {{- toYaml .root.Values.migrations.resources | nindent 8 }}
      securityContext:
        {{- include "sre-copilot.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "sre-copilot.mounts" .root | nindent 8 }}
  containers:
    - name: {{ .component }}
      image: {{ include "sre-copilot.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args:
        {{- toYaml .args | nindent 8 }}
      env:
        {{- include "sre-copilot.environment" .root | nindent 8 }}
        {{- include "sre-copilot.fromSecret" (dict "root" .root "variable" "DATABASE_URL" "key" .databaseKey) | nindent 8 }}
        {{- range $name, $value := .environment }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      ports:
        - {name: metrics, containerPort: {{ .root.Values.monitoring.port }}}
        {{- with .ports }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- toYaml .probes | nindent 6 }}
      {{- if .preStop }}
      # Long enough for the endpoints to forget this pod before it stops listening.
      lifecycle:
        preStop:
          exec:
            command: [sleep, "5"]
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "sre-copilot.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "sre-copilot.mounts" .root | nindent 8 }}
  volumes:
    - name: data
      emptyDir: {sizeLimit: 64Mi}
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- with include "sre-copilot.vaultVolume" .root }}
    {{- trim . | nindent 4 }}
    {{- end }}
  {{- if .root.Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sre-copilot.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The paths of the api that the outside reaches; each asks for a signature or a token of its own. */}}
{{- define "sre-copilot.exposed" -}}
["/hooks", "/slack", "/api/v1", "/agent", "/mcp"]
{{- end -}}
