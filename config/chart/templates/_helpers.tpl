{{/* What the pods are known by. */}}
{{- define "chandlery.selector" -}}
app.kubernetes.io/name: chandlery
{{- end }}

{{- define "chandlery.labels" -}}
{{ include "chandlery.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The objects of a file of config/, for the namespace of this release, which helm makes itself. */}}
{{- define "chandlery.file" -}}
{{- $root := .root }}
{{- $account := printf "system:serviceaccount:%s:chandlery" $root.Release.Namespace }}
{{- $text := $root.Files.Get (printf "files/%s" .file) | required (printf "the chart lacks its file %s" .file) }}
{{- $text = $text | replace "namespace: chandlery\n" (printf "namespace: %s\n" $root.Release.Namespace) }}
{{- $text = $text | replace "system:serviceaccount:chandlery:chandlery" $account }}
{{- range splitList "\n---\n" $text }}
{{- $object := fromYaml . }}
{{- if ne $object.kind "Namespace" }}
{{- $labels := merge (include "chandlery.labels" $root | fromYaml) ($object.metadata.labels | default dict) }}
{{- $_ := set $object.metadata "labels" $labels }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}
