{{/* What all names start with. Service names are DNS labels that start with a letter: said here, not by the API server. */}}
{{- define "spark-standalone.fullname" -}}
{{- $name := default .Release.Name .Values.fullnameOverride -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,51}[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot start the names of services: expected up to 53 of a-z, 0-9 and -, a letter first. Choose another release name or set fullnameOverride." $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Labels that tell one release's parts apart. Call with (list . "component"). */}}
{{- define "spark-standalone.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- if eq (index . 1) "shuffle" }}
app: spark-shuffle
{{- end }}
{{- end }}

{{- define "spark-standalone.labels" -}}
{{- $root := index . 0 -}}
{{ include "spark-standalone.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What spark-defaults.conf says, as JSON: what the chart's own values mean, and the user's sparkConf over it.
     A service that is started again may be away for longer than Spark's own three retries of five seconds; and the service
     of an executor's own host would be asked without any retry where dead executors of that host have their files.
     Without the service, executors must stay while somebody may want their files: else Spark allocates none dynamically.
     Metrics have the paths of Spark's own template: those of the Master and of the applications share its page. */}}
{{- define "spark-standalone.properties" -}}
{{- $found := dict "spark.shuffle.service.enabled" (toString .Values.shuffleService.enabled) -}}
{{- $found = set $found "spark.eventLog.enabled" (toString .Values.eventLog.enabled) -}}
{{- if .Values.eventLog.enabled -}}
{{- $found = set $found "spark.eventLog.dir" "file:///opt/spark/events" -}}
{{- end -}}
{{- if .Values.authentication.enabled -}}
{{- $found = set $found "spark.authenticate" "true" -}}
{{- end -}}
{{- if .Values.metrics.enabled -}}
{{- $sink := "sink.prometheusServlet" -}}
{{- $found = set $found (printf "spark.metrics.conf.*.%s.class" $sink) "org.apache.spark.metrics.sink.PrometheusServlet" -}}
{{- $found = set $found (printf "spark.metrics.conf.*.%s.path" $sink) "/metrics/prometheus" -}}
{{- $found = set $found (printf "spark.metrics.conf.master.%s.path" $sink) "/metrics/master/prometheus" -}}
{{- $found = set $found (printf "spark.metrics.conf.applications.%s.path" $sink) "/metrics/applications/prometheus" -}}
{{- $found = set $found "spark.ui.prometheus.enabled" "true" -}}
{{- end -}}
{{- $found = set $found "spark.executor.pyspark.memory" .Values.worker.pythonMemory -}}
{{- range tuple "driver" "executor" -}}
{{- $found = set $found (printf "spark.%s.extraClassPath" .) "/opt/spark/archive/classes.jar" -}}
{{- $found = set $found (printf "spark.%s.defaultJavaOptions" .) "-XX:SharedArchiveFile=/opt/spark/archive/classes.jsa" -}}
{{- end -}}
{{- if .Values.shuffleService.enabled -}}
{{- $found = set $found "spark.shuffle.service.port" (toString .Values.shuffleService.port) -}}
{{- $found = set $found "spark.shuffle.io.maxRetries" "24" -}}
{{- $found = set $found "spark.shuffle.readHostLocalDisk" "false" -}}
{{- $found = set $found "spark.shuffle.service.removeShuffle" "true" -}}
{{- else -}}
{{- $found = set $found "spark.dynamicAllocation.shuffleTracking.enabled" "true" -}}
{{- end -}}
{{- merge (deepCopy (default dict .Values.sparkConf)) $found | toJson -}}
{{- end }}

{{/* Of these properties, what Master, Worker or shuffle service read, as JSON: by what their classes in Spark 3.5.7 name.
     The list is theirs, because it is closed: applications may have properties of any name. The Master reads nothing of
     shuffles; but drivers in its pod must not go on with a file that names a service which is no longer there.
     Call with (list . "component"). */}}
{{- define "spark-standalone.daemonProperties" -}}
{{- $root := index . 0 -}}
{{- $read := "^spark\\.(acls|admin|authenticate|decommission|deploy|executor\\.logs|hadoop\\.hadoop|master|metrics|modify|network|port|rpc|security|shuffle\\.(io|maxChunksBeingTransferred|push|sasl|server|service)|ssl|storage|ui|user|worker)\\b" -}}
{{- $found := dict -}}
{{- range $key, $value := include "spark-standalone.properties" $root | fromJson -}}
{{- $master := or (not (hasPrefix "spark.shuffle." $key)) (has $key (list "spark.shuffle.service.enabled" "spark.shuffle.service.port")) -}}
{{- if and (regexMatch $read $key) (or $master (ne (index $ 1) "master")) -}}
{{- $_ := set $found $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* Annotations that say where a pod shows metrics, as JSON: at its web page, where the configuration puts them. Spark answers
     with a redirection unless a slash ends the path. Call with (list . "component"). */}}
{{- define "spark-standalone.scraped" -}}
{{- $root := index . 0 -}}
{{- $found := dict -}}
{{- if and $root.Values.metrics.enabled (has (index . 1) (list "master" "worker")) -}}
{{- $properties := include "spark-standalone.properties" $root | fromJson -}}
{{- $everywhere := get $properties "spark.metrics.conf.*.sink.prometheusServlet.path" -}}
{{- $own := get $properties (printf "spark.metrics.conf.%s.sink.prometheusServlet.path" (index . 1)) -}}
{{- $found = set $found "prometheus.io/scrape" "true" -}}
{{- $found = set $found "prometheus.io/port" (toString (get $root.Values (index . 1)).ports.ui) -}}
{{- $found = set $found "prometheus.io/path" (printf "%s/" (default $everywhere $own | trimSuffix "/")) -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* Metadata of a pod template. What daemons read changes the annotation, and so rolls the pods. What only drivers read
     must not: rolling costs the drivers in the Master's pod, event logs and map work, and new drivers read the file anyway. */}}
{{- define "spark-standalone.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $annotations := merge (deepCopy $root.Values.pods.annotations) (include "spark-standalone.scraped" . | fromJson) -}}
labels:
  {{- include "spark-standalone.selectorLabels" . | nindent 2 }}
  {{- with $root.Values.pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if ne (index . 1) "keeper" }}
annotations:
  checksum/config: {{ include "spark-standalone.daemonProperties" . | sha256sum }}
  {{- with $annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- else if $annotations }}
annotations:
  {{- toYaml $annotations | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod has. Service links would set SPARK_..._PORT variables to addresses. */}}
{{- define "spark-standalone.podSpec" -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with .Values.pods.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What workers and the shuffle service have in common: which nodes, and that executors meet both at the node's address. */}}
{{- define "spark-standalone.nodePodSpec" -}}
{{ include "spark-standalone.podSpec" . }}
{{- if .Values.shuffleService.enabled }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
# A node that is to be drained gets the label, and both leave it at once; see the chart's README.
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - key: spark-standalone/out
              operator: DoesNotExist
{{- include "spark-standalone.placement" .Values.nodes }}
{{- end }}

{{/* On which nodes a pod may start. Call with a dict of selector and tolerations; one that is empty says nothing. */}}
{{- define "spark-standalone.placement" -}}
{{- with .selector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What Spark is configured by, in every container. */}}
{{- define "spark-standalone.configMounts" -}}
- name: config
  mountPath: /opt/spark/conf
{{- if .Values.authentication.enabled }}
- name: authentication
  mountPath: /opt/spark/authentication
{{- end }}
{{- with .Values.pods.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "spark-standalone.configVolumes" -}}
{{- $fullname := include "spark-standalone.fullname" . -}}
- name: config
  configMap:
    name: {{ $fullname }}-config
{{- if .Values.authentication.enabled }}
- name: authentication
  secret:
    secretName: {{ default (printf "%s-authentication" $fullname) .Values.authentication.existingSecret | quote }}
    items:
      - key: secret
        path: secret
{{- end }}
{{- with .Values.pods.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where the Master keeps which applications and workers it knows. Two releases on one node must not meet there. */}}
{{- define "spark-standalone.recoveryVolume" -}}
- name: recovery
  {{- if .Values.master.recovery.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .Values.master.recovery.existingClaim | quote }}
  {{- else }}
  hostPath:
    path: {{ printf "%s/%s/%s" .Values.master.recovery.hostPath .Release.Namespace (include "spark-standalone.fullname" .) }}
    type: DirectoryOrCreate
  {{- end }}
{{- end }}

{{/* What a container runs. What its own values leave empty is as the chart's image has it; but a digest speaks of one
     content, and is never that of an image which is named otherwise. Call with (list . "its own values"). */}}
{{- define "spark-standalone.image" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 -}}
{{- $same := empty (or $own.repository $own.tag $own.digest) -}}
{{- $found := merge (deepCopy $own) ($same | ternary $root.Values.image (omit $root.Values.image "digest")) -}}
{{- $image := printf "%s:%s" $found.repository (default $root.Chart.AppVersion $found.tag) -}}
image: {{ empty $found.digest | ternary $image (printf "%s@%s" $image $found.digest) | quote }}
imagePullPolicy: {{ $found.pullPolicy }}
{{- end }}

{{/* Environment of every container. The pod's address is the name under which drivers, workers and executors are found;
     on the host network it is the node's. Call with (list . "mode" "heap of the daemon"). */}}
{{- define "spark-standalone.env" -}}
{{- $pods := (index . 0).Values.pods -}}
- name: SPARK_MODE
  value: {{ index . 1 }}
- name: SPARK_DAEMON_MEMORY
  value: {{ index . 2 | quote }}
- name: SPARK_DAEMON_JAVA_OPTS
  value: {{ printf "-XX:+ExitOnOutOfMemoryError %s" $pods.javaOptions | trim | quote }}
- name: SPARK_LOCAL_HOSTNAME
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- with $pods.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name and number of a container's port; taken on the node where the pod is on the host network. */}}
{{- define "spark-standalone.nodePort" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  containerPort: {{ index . 2 }}
  {{- if $root.Values.shuffleService.enabled }}
  hostPort: {{ index . 2 }}
  {{- end }}
{{- end }}

{{/* Bytes of a quantity in Java's, Spark's or Kubernetes' notation. */}}
{{- define "spark-standalone.bytes" -}}
{{- $text := toString . -}}
{{- $bytes := dict "k" 1024.0 "m" 1048576.0 "g" 1073741824.0 "t" 1099511627776.0 -}}
{{- if not (regexMatch "^[1-9][0-9]*[kmgt]$" $text) -}}
{{- $bytes = dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 -}}
{{- end -}}
{{- $unit := regexFind "[KMGTPE]i?$|[kmgt]$" $text -}}
{{- mulf (float64 (trimSuffix $unit $text)) (default 1.0 (get $bytes $unit)) | printf "%.0f" -}}
{{- end }}

{{/* Whole MiB of such a quantity. */}}
{{- define "spark-standalone.mebibytes" -}}
{{- divf (include "spark-standalone.bytes" . | float64) 1048576.0 | floor | int64 -}}
{{- end }}

{{/* Thousandths of cores, of a quantity in Kubernetes' notation. */}}
{{- define "spark-standalone.millicores" -}}
{{- $text := toString . -}}
{{- hasSuffix "m" $text | ternary (float64 (trimSuffix "m" $text)) (mulf (float64 $text) 1000.0) | printf "%.3f" -}}
{{- end }}

{{/* Whole MiB of a size in Spark's own notation, in which a number alone means MiB; 0 if it is none: Spark says so itself. */}}
{{- define "spark-standalone.ofSpark" -}}
{{- $text := toString . | lower | trim -}}
{{- $mebibytes := dict "k" 0.0009765625 "m" 1.0 "g" 1024.0 "t" 1048576.0 -}}
{{- if regexMatch "^[0-9]{1,15}([kmgt]b?)?$" $text -}}
{{- $unit := regexFind "[kmgt]" $text | default "m" -}}
{{- mulf (regexFind "^[0-9]+" $text | float64) (get $mebibytes $unit) | floor | int64 -}}
{{- else -}}
0
{{- end -}}
{{- end }}

{{/* Numbers that do not add up. What lies beside the heap of a daemon is reckoned as 256 MiB, beside an executor's as Spark
     does elsewhere: 384 MiB, or a tenth of the heap. At most, every core is an executor with a Python process of its own, and
     with memory off its heap where sparkConf says so. */}}
{{- define "spark-standalone.requireMemory" -}}
{{- $limited := get (default dict .Values.worker.resources.limits) "memory" -}}
{{- if ne (toString $limited) "" -}}
{{- $worker := .Values.worker -}}
{{- $limit := include "spark-standalone.mebibytes" $limited | int64 -}}
{{- $daemon := include "spark-standalone.mebibytes" $worker.daemonMemory | int64 -}}
{{- $heaps := include "spark-standalone.mebibytes" $worker.memory | int64 -}}
{{- $cores := int64 $worker.cores -}}
{{- $beside := max (mul $cores 384) (div $heaps 10) -}}
{{- $python := mul $cores (include "spark-standalone.mebibytes" $worker.pythonMemory | int64) -}}
{{- $properties := default dict .Values.sparkConf -}}
{{- $off := 0 -}}
{{- if eq (lower (get $properties "spark.memory.offHeap.enabled")) "true" -}}
{{- $size := get $properties "spark.memory.offHeap.size" -}}
{{- $off = mul $cores (include "spark-standalone.ofSpark" (regexMatch "^[0-9]+$" $size | ternary (printf "%dk" (div (int64 $size) 1024)) $size) | int64) -}}
{{- end -}}
{{- $sum := add $daemon 256 $heaps $beside $python $off -}}
{{- if lt $limit $sum -}}
{{- fail (printf "memory that does not add up: expected worker.resources.limits.memory to be at least %dMi, got %v (%d MiB). A worker's pod may take %d MiB = %d for the daemon (worker.daemonMemory) + 256 beside its heap + %d that it offers to executors (worker.memory) + %d beside their heaps (worker.cores = %d of them) + %d for Python (worker.cores x worker.pythonMemory)%s. Raise the limit or lower one of these: else one task ends the whole pod." $sum $limited $limit $sum $daemon $heaps $beside $cores $python (empty $off | ternary "" (printf " + %d off their heaps (worker.cores x spark.memory.offHeap.size)" $off))) -}}
{{- end -}}
{{- end -}}
{{- range $name, $part := dict "master" .Values.master "shuffleService" .Values.shuffleService -}}
{{- $limited := get (default dict $part.resources.limits) "memory" -}}
{{- if ne (toString $limited) "" -}}
{{- $limit := include "spark-standalone.mebibytes" $limited | int64 -}}
{{- $heap := include "spark-standalone.mebibytes" $part.memory | int64 -}}
{{- $sum := add $heap 256 -}}
{{- if eq $name "shuffleService" -}}{{- $sum = add $sum $heap -}}{{- end -}}
{{- if lt $limit $sum -}}
{{- fail (printf "memory that does not add up: expected %s.resources.limits.memory to be at least %dMi, got %v (%d MiB). The daemon may take %d MiB = %d of heap (%s.memory) + %d beside it. Raise the limit or lower the heap." $name $sum $limited $limit $sum $heap $name (sub $sum $heap)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Requests above their limits, which the API server would refuse in the middle of an installation. */}}
{{- define "spark-standalone.requireResources" -}}
{{- range $name, $part := dict "master" .Values.master "worker" .Values.worker "shuffleService" .Values.shuffleService -}}
{{- range $resource, $number := dict "cpu" "spark-standalone.millicores" "memory" "spark-standalone.bytes" -}}
{{- $asked := get (default dict $part.resources.requests) $resource -}}
{{- $limit := get (default dict $part.resources.limits) $resource -}}
{{- if and (ne (toString $asked) "") (ne (toString $limit) "") -}}
{{- if gt (include $number $asked | float64) (include $number $limit | float64) -}}
{{- fail (printf "a request above its limit: expected %s.resources.requests.%s to be at most the limit, which is %v, got %v. Raise the limit or lower the request." $name $resource $limit $asked) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What a user adds to every pod and the chart has itself, or that does not go together. What it looks like says the schema. */}}
{{- define "spark-standalone.requirePods" -}}
{{- $variables := dict "SPARK_DAEMON_JAVA_OPTS" "pods.javaOptions" "SPARK_DAEMON_MEMORY" "master.memory, worker.daemonMemory or shuffleService.memory" "SPARK_LOCAL_DIRS" "shuffleService.hostPath" "SPARK_RECOVERY_DIR" "master.recovery.hostPath" "SPARK_MASTER_PORT" "master.ports.rpc" "SPARK_MASTER_WEBUI_PORT" "master.ports.ui" "SPARK_WORKER_PORT" "worker.ports.rpc" "SPARK_WORKER_WEBUI_PORT" "worker.ports.ui" "SPARK_WORKER_CORES" "worker.cores" "SPARK_WORKER_MEMORY" "worker.memory" "SPARK_SHUFFLE_SERVICE_PORT" "shuffleService.port" "SPARK_WORKER_OPTS" "sparkConf" -}}
{{- $ours := list "SPARK_MODE" "SPARK_LOCAL_HOSTNAME" "SPARK_MASTER_URL" "SPARK_AWAIT_MASTER" -}}
{{- $named := list -}}
{{- range $variable := .Values.pods.env -}}
{{- with get $variables $variable.name -}}
{{- fail (printf "a variable that another value sets: expected no %s in pods.env, set %s." $variable.name .) -}}
{{- end -}}
{{- if has $variable.name $ours -}}
{{- fail (printf "a variable that the chart sets itself: expected no %s in pods.env." $variable.name) -}}
{{- end -}}
{{- if has $variable.name $named -}}
{{- fail (printf "a variable twice: expected one %s in pods.env." $variable.name) -}}
{{- end -}}
{{- $named = append $named $variable.name -}}
{{- end -}}
{{- range $label := list "app" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" -}}
{{- if hasKey $.Values.pods.labels $label -}}
{{- fail (printf "a label that the chart sets itself: expected no %s in pods.labels. Take another one." $label) -}}
{{- end -}}
{{- end -}}
{{- range $annotation, $value := .Values.pods.annotations -}}
{{- if or (eq $annotation "checksum/config") (hasPrefix "helm.sh/" $annotation) -}}
{{- fail (printf "an annotation that the chart sets itself: expected no %s in pods.annotations." $annotation) -}}
{{- end -}}
{{- end -}}
{{- $volumes := list -}}
{{- range $volume := .Values.pods.volumes -}}
{{- if has $volume.name (list "config" "authentication" "events" "recovery" "work" "local") -}}
{{- fail (printf "a volume that the chart has itself: expected no %s in pods.volumes. Give it another name." $volume.name) -}}
{{- end -}}
{{- if has $volume.name $volumes -}}
{{- fail (printf "a volume twice: expected one %s in pods.volumes." $volume.name) -}}
{{- end -}}
{{- $volumes = append $volumes $volume.name -}}
{{- end -}}
{{- $places := list -}}
{{- $taken := list "/opt/spark/archive" "/opt/spark/authentication" "/opt/spark/bin" "/opt/spark/conf" "/opt/spark/events" "/opt/spark/jars" "/opt/spark/recovery" "/opt/spark/work" "/usr/local/bin" .Values.shuffleService.hostPath -}}
{{- range $mount := .Values.pods.volumeMounts -}}
{{- if not (has $mount.name $volumes) -}}
{{- fail (printf "a mount without its volume: expected pods.volumes to have %s, which pods.volumeMounts puts at %s." $mount.name $mount.mountPath) -}}
{{- end -}}
{{- $place := clean $mount.mountPath -}}
{{- range $one := $taken -}}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" $place)) (printf "%s/" $one) -}}
{{- fail (printf "a mount over what the chart or its image has there: expected pods.volumeMounts to leave %s as it is, got %s. Take a folder of your own, /mnt/%s for example." $one $mount.mountPath $mount.name) -}}
{{- end -}}
{{- end -}}
{{- if has $place $places -}}
{{- fail (printf "two mounts at one place: expected one at %s in pods.volumeMounts." $place) -}}
{{- end -}}
{{- $places = append $places $place -}}
{{- end -}}
{{- if regexMatch "(^|\\s)-Xmx" .Values.pods.javaOptions -}}
{{- fail "memory past its own value: expected no -Xmx in pods.javaOptions, set master.memory, worker.daemonMemory or shuffleService.memory. Spark starts no daemon with it." -}}
{{- end -}}
{{- end }}

{{/* Ports that would be taken twice, in one pod or on one node. Call with a dict of ports by the names of their values. */}}
{{- define "spark-standalone.requireDistinct" -}}
{{- if ne (len (uniq (values .))) (len .) -}}
{{- fail (printf "ports that must differ: expected %s to be different numbers, got %s." (join ", " (keys . | sortAlpha)) (join ", " (values . | sortAlpha))) -}}
{{- end -}}
{{- end }}

{{/* Folders of a node that are its system's, or that two parts of the release would share. The image gives the folder to its own
     user, and what Spark leaves there is removed. */}}
{{- define "spark-standalone.requireFolders" -}}
{{- $folders := dict "shuffleService.hostPath" .Values.shuffleService.hostPath -}}
{{- if and .Values.master.recovery.enabled (not .Values.master.recovery.existingClaim) -}}
{{- $_ := set $folders "master.recovery.hostPath" .Values.master.recovery.hostPath -}}
{{- end -}}
{{- if regexMatch "^/opt/spark(/|$)" .Values.shuffleService.hostPath -}}
{{- fail (printf "a folder that the image has: expected shuffleService.hostPath to be none of its own, /var/lib/spark-shuffle for example, got %s." .Values.shuffleService.hostPath) -}}
{{- end -}}
{{- $roots := "^/(bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|root|run|sbin|sys|usr)/" -}}
{{- $variable := "^/var/(backups|cache|lib|local|lock|log|mail|opt|spool|tmp|run/.*|log/(containers|journal|pods)(/.*)?)$" -}}
{{- $state := "^/var/lib/(apt|calico|cilium|cni|containerd|containers|crio|dbus|docker|dpkg|etcd|k0s|kube-proxy|kubelet|lxcfs|lxd|microk8s|private|rancher|rook|rpm|snapd|systemd)(/|$)" -}}
{{- $others := "^/(home/[^/]+|opt/(cni|containerd)(/.*)?)$" -}}
{{- range $name, $folder := $folders -}}
{{- $system := or (and (regexMatch $roots $folder) (not (hasPrefix "/dev/shm/" $folder))) (regexMatch $variable $folder) (regexMatch $state $folder) (regexMatch $others $folder) -}}
{{- if $system -}}
{{- fail (printf "a folder that is not the release's own: expected %s to be a folder that nobody else uses, /var/lib/spark-shuffle for example, got %s, which the node's system uses." $name $folder) -}}
{{- end -}}
{{- end -}}
{{- range $name, $folder := $folders -}}
{{- range $other, $above := $folders -}}
{{- if and (ne $name $other) (hasPrefix (printf "%s/" $above) (printf "%s/" $folder)) -}}
{{- fail (printf "folders that must differ: expected %s and %s to be apart, got %s and %s." $name $other $folder $above) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Properties that would lie open in a ConfigMap, by the words that Spark itself hides in its logs (spark.redaction.regex) where
     a name ends with them, or an account's name follows; or that would contradict what the chart says elsewhere; or with which
     no application would ever get an executor. */}}
{{- define "spark-standalone.requireProperties" -}}
{{- $elsewhere := dict "spark.master.ui.port" "master.ports.ui" "spark.worker.ui.port" "worker.ports.ui" "spark.worker.port" "worker.ports.rpc" "spark.shuffle.service.enabled" "shuffleService.enabled" "spark.shuffle.service.port" "shuffleService.port" "spark.local.dir" "shuffleService.hostPath" "spark.worker.cleanup.interval" "worker.cleanup.interval" "spark.worker.cleanup.appDataTtl" "worker.cleanup.keep" "spark.authenticate" "authentication.enabled" "spark.deploy.recoveryMode" "master.recovery.enabled" "spark.deploy.recoveryDirectory" "master.recovery.hostPath" "spark.executor.pyspark.memory" "worker.pythonMemory" "spark.eventLog.enabled" "eventLog.enabled" -}}
{{- $ours := list "spark.shuffle.service.db.enabled" "spark.shuffle.service.db.backend" "spark.worker.cleanup.enabled" "spark.worker.preferConfiguredMasterAddress" "spark.eventLog.dir" -}}
{{- $named := "(?i)((secret|passw(or)?d|_pass|credential|sas[.]fixed[.]token|(access|account|encryption|private|secret)[._-]?key)([.].+)?|token)$" -}}
{{- $said := "(?i)-D[^ =]*(secret|password|token)=" -}}
{{- range $key, $value := .Values.sparkConf -}}
{{- if or (regexMatch $named $key) (regexMatch $said $value) -}}
{{- fail (printf "a secret in a ConfigMap: expected sparkConf to hold no passwords, keys and tokens, got %s. Bring it from a Secret, by pods.env or pods.volumes for example." $key) -}}
{{- end -}}
{{- with get $elsewhere $key -}}
{{- fail (printf "a property that another value sets: expected no %s in sparkConf, set %s." $key .) -}}
{{- end -}}
{{- if has $key $ours -}}
{{- fail (printf "a property that the chart sets itself: expected no %s in sparkConf." $key) -}}
{{- end -}}
{{- if has $key (list "spark.driver.host" "spark.driver.bindAddress") -}}
{{- fail (printf "one address for every driver: expected no %s in sparkConf. The chart's pods say their own; tell a driver elsewhere its own with --conf." $key) -}}
{{- end -}}
{{- end -}}
{{- $asked := get (default dict .Values.sparkConf) "spark.executor.memory" | default "1g" -}}
{{- if gt (include "spark-standalone.ofSpark" $asked | int64) (include "spark-standalone.mebibytes" .Values.worker.memory | int64) -}}
{{- fail (printf "executors that no worker can have: expected worker.memory to be at least what an executor takes, which is %s (spark.executor.memory in sparkConf; 1g unless told otherwise), got %s. Applications would wait for ever." $asked .Values.worker.memory) -}}
{{- end -}}
{{- $cores := get (default dict .Values.sparkConf) "spark.executor.cores" | default "1" -}}
{{- if and (regexMatch "^[0-9]{1,9}$" $cores) (gt (int64 $cores) (int64 .Values.worker.cores)) -}}
{{- fail (printf "executors that no worker can have: expected worker.cores to be at least spark.executor.cores of sparkConf, which is %s, got %v. Applications would wait for ever." $cores .Values.worker.cores) -}}
{{- end -}}
{{- end }}

{{/* Started when the container's own process listens: on the node's network a stranger may answer, and what comes before
     may take long (files to remove, a service to wait for). From then on the port is its own, and is asked over the network.
     Call with (list "name of the port" number). */}}
{{- define "spark-standalone.probes" -}}
startupProbe:
  exec:
    command: [entrypoint.sh, probe, {{ index . 1 | quote }}]
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 1800
readinessProbe:
  tcpSocket:
    port: {{ index . 0 }}
  periodSeconds: 2
livenessProbe:
  tcpSocket:
    port: {{ index . 0 }}
  periodSeconds: 20
  failureThreshold: 3
{{- end }}
