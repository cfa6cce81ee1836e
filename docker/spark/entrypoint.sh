#!/bin/bash
# Starts one part of Spark standalone, or a command. README.md lists modes, variables and exit codes.
set -euo pipefail

readonly MODES='master, keeper, worker, shuffle, submit'
readonly LISTENS='.shuffle-service-listens' # a mark in a local directory, with the port behind it
readonly ARCHIVE=/opt/spark/archive/classes # of what Java need not read and verify: .jar is for the class path, .jsa holds it
readonly KEPT='.*/\(app\|driver\|worker\)_[^/]*' # what a Master keeps in its directory, for find
readonly USAGE=64 CANNOT_USE_DIRECTORY=73 BAD_VARIABLE=78 # as in sysexits.h

refuse() { # exit code, what is wrong, what was expected, what to do
    printf 'entrypoint: %s\n  expected: %s\n  to do: %s\n' "$2" "$3" "$4" >&2
    exit "$1"
}

require_port() { # name of a variable, its value
    if [[ ! $2 =~ ^[1-9][0-9]{0,4}$ ]] || (($2 > 65535)); then
        refuse "$BAD_VARIABLE" "$1='$2' is no port" 'a whole number from 1 to 65535' \
            "set $1; if a Kubernetes service of that name set it, use enableServiceLinks: false"
    fi
}

# Puts the directories of SPARK_LOCAL_DIRS into local_dirs.
read_local_dirs() {
    if [[ ${SPARK_LOCAL_DIRS-} =~ [[:space:]] ]]; then
        refuse "$BAD_VARIABLE" "SPARK_LOCAL_DIRS='$SPARK_LOCAL_DIRS' holds white space" 'paths separated by commas' \
            'name directories without white space: Spark would split them'
    fi
    IFS=, read -ra local_dirs <<<"${SPARK_LOCAL_DIRS-}"
}

# What runs here as root, as a driver that `kubectl exec` started, or ran as another user in a former image, leaves what
# spark could neither remove nor write to. Nothing else of a directory is touched; links are not followed.
give_what_is_left_to_spark() {
    local directory
    for directory in "${local_dirs[@]}"; do
        find "$directory" -mindepth 1 -maxdepth 1 ! -uid "$(id -u spark)" \
            \( -type d \( -name 'spark-*-*-*-*-*' -o -name 'blockmgr-*-*-*-*-*' -o -name 'registeredExecutors.*' \) \
            -o -type f \( -name '.*.lock' -o -name "$LISTENS-*" \) \) \
            -exec chown --recursive --no-dereference spark:spark {} + 2>/dev/null || true
    done
    if [[ -n ${SPARK_RECOVERY_DIR-} ]]; then
        find "$SPARK_RECOVERY_DIR" -mindepth 1 -maxdepth 1 ! -uid "$(id -u spark)" -type f \
            \( -name '.*.lock' -o -regex "$KEPT" \) -exec chown --no-dereference spark:spark {} + 2>/dev/null || true
    fi
}

# The kubelet makes a hostPath directory that only root may write to.
give_to_spark() { # directories
    local directory
    for directory; do
        # Where this is not allowed, require_directories says so. Whoever may write to /tmp may have put a link there.
        { mkdir -p "$directory" && chown --no-dereference spark:spark "$directory"; } || true
    done
}

require_directories() { # name of a variable, directories that it names
    local directory
    for directory in "${@:2}"; do
        if ! mkdir -p "$directory" 2>/dev/null || [[ ! -w $directory ]]; then
            refuse "$CANNOT_USE_DIRECTORY" "user $(id -u) cannot write to $directory, a directory of $1" \
                'a directory that belongs to uid 185' 'start the container as root (it drops to uid 185), or chown the directory'
        fi
    done
}

lock_file() { # directory, worker or shuffle service
    printf '%s/.%s.lock' "$1" "${2// /-}"
}

# So that nobody's live data is taken for left-overs. A lock lives as long as this process: exec keeps it.
claim_local_dirs() { # worker or shuffle service
    local directory lock
    for directory in "${local_dirs[@]}"; do
        exec {lock}>"$(lock_file "$directory" "$1")"
        if ! flock --timeout 1 "$lock"; then # a worker that looks whether it is held holds it for a moment
            refuse "$CANNOT_USE_DIRECTORY" "another $1 on this machine uses $directory" \
                "one $1 per directory" 'give each release on a node its own directory (SPARK_LOCAL_DIRS)'
        fi
    done
}

# Spark holds the shuffle data of a killed worker for lost. The files of drivers that ran here went with them. What
# cannot be removed takes room, and is no reason not to start.
remove_left_overs() {
    local directory
    for directory in "${local_dirs[@]}"; do
        find "$directory" -mindepth 1 -maxdepth 1 -type d \( -name 'spark-*-*-*-*-*' -o -name 'blockmgr-*-*-*-*-*' \) \
            -printf 'entrypoint: removing %p, left by a worker that was killed\n' -exec rm -rf {} + ||
            printf 'entrypoint: not all of that could be removed from %s: remove it as root\n' "$directory" >&2
    done
}

# Whether the shuffle service of this machine lives and has said that it listens. Its mark alone says that one once did.
service_listens() { # port
    [[ -e ${local_dirs[0]}/$LISTENS-$1 ]] || return 1
    flock --shared --nonblock --conflict-exit-code 9 "$(lock_file "${local_dirs[0]}" 'shuffle service')" true && return 1
    [[ $? == 9 ]]
}

# A worker that is offered without its machine's service has executors that end for ever.
await_service() { # port
    if ! service_listens "$1"; then
        printf 'entrypoint: waiting for the shuffle service that shares %s to listen on port %d\n' "${local_dirs[0]}" "$1" >&2
        until service_listens "$1"; do
            sleep 0.5
        done
    fi
}

# The service never forgets an executor by itself. Where no application has a directory, no registration is alive.
forget_dead_registrations() {
    local directory
    for directory in "${local_dirs[@]}"; do
        if [[ -z $(find "$directory" -mindepth 2 -maxdepth 2 -type d -path '*/spark-*/executor-*' -print -quit) ]]; then
            find "$directory" -mindepth 1 -maxdepth 1 -name 'registeredExecutors.*' \
                -printf 'entrypoint: removing %p: no application has data here\n' -exec rm -rf {} +
        fi
    done
}

listens() { # process, or a pattern of such; port
    local inode
    while read -r inode; do
        # Not quoted: a pattern is to be expanded.
        if [[ -n $(find /proc/$1/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null) ]]; then
            return
        fi
    done < <(awk -v port="$(printf ':%04X' "$2")" \
        '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    return 1
}

# Who tries to reach a pod that has just gone hears nothing, and would still wait when the next one is there.
answers() { # host, an IPv6 address in brackets too; port
    local host=${1#[}
    timeout 2 bash -c ': <"/dev/tcp/$1/$2"' bash "${host%]}" "$2" 2>/dev/null
}

some_master_answers() {
    local masters one
    IFS=, read -ra masters <<<"${SPARK_MASTER_URL#spark://}"
    for one in "${masters[@]}"; do
        if answers "${one%:*}" "${one##*:}"; then
            return
        fi
    done
    return 1
}

# A Master that takes another's place tells the workers that the one before knew that it has changed. A worker that has just
# taken the place of one of these, at its address, believes that it means itself, and never registers.
await_master() {
    if ! some_master_answers; then
        printf 'entrypoint: waiting for a master to answer at %s\n' "$SPARK_MASTER_URL" >&2
        until some_master_answers; do
            sleep 0.5
        done
    fi
}

# For probes: on the machine's own network a port may answer that another process of the machine holds.
some_process_here_listens() { # port
    listens '[0-9]*' "$1"
}

# Spark logs that it starts before it binds the port; this line says that it has. On stderr, behind Spark's own. The mark
# in the first local directory says so to the worker that shares it.
announce_once_it_listens() { # process, port
    while [[ -d /proc/$1 ]]; do
        if listens "$1" "$2"; then
            if ((${#local_dirs[@]})); then
                : >"${local_dirs[0]}/$LISTENS-$2"
            fi
            printf 'Started external shuffle service on port %d\n' "$2" >&2
            return
        fi
        sleep 0.2
    done
}

require_recovery_dir() {
    if [[ ${SPARK_RECOVERY_DIR-} =~ [[:space:]] ]]; then
        refuse "$BAD_VARIABLE" "SPARK_RECOVERY_DIR='$SPARK_RECOVERY_DIR' holds white space" 'one path' \
            'name a directory without white space'
    fi
    require_directories SPARK_RECOVERY_DIR "$SPARK_RECOVERY_DIR"
}

# A Master that is being replaced may still write to the directory.
await_recovery_dir() {
    local lock
    exec {lock}>"$SPARK_RECOVERY_DIR/.master.lock"
    if ! flock --nonblock "$lock"; then
        printf 'entrypoint: waiting for the master that uses %s to end\n' "$SPARK_RECOVERY_DIR" >&2
        flock "$lock"
    fi
}

# A Master waits a minute for every worker that the one before knew, and gives nobody executors meanwhile. Who of them is
# about to end nobody can tell, and those that live register again by themselves within seconds. But an application or a
# driver has to hear, from the Master, after that minute, that a worker is gone.
forget_workers() {
    local kept="$SPARK_RECOVERY_DIR"
    if [[ -z $(find "$kept" -mindepth 1 -maxdepth 1 -regex '.*/\(app\|driver\)_[^/]*' -print -quit) ]]; then
        find "$kept" -mindepth 1 -maxdepth 1 -type f -name 'worker_worker-*' \
            -printf 'entrypoint: removing %p: no application runs, and a worker that lives registers again\n' -delete >&2
    fi
}

# What Java cannot use of it, it passes over.
use_archive_of_classes() {
    export SPARK_DAEMON_CLASSPATH="$ARCHIVE.jar${SPARK_DAEMON_CLASSPATH:+:$SPARK_DAEMON_CLASSPATH}"
    export SPARK_DAEMON_JAVA_OPTS="-XX:SharedArchiveFile=$ARCHIVE.jsa ${SPARK_DAEMON_JAVA_OPTS-}"
}

# Master and Worker keep books, and what Java's second compiler costs at their start never comes back. The shuffle service
# keeps it: what that encrypts is a busy loop.
use_one_compiler() {
    export SPARK_DAEMON_JAVA_OPTS="-XX:TieredStopAtLevel=1 ${SPARK_DAEMON_JAVA_OPTS-}"
}

start_master() {
    require_port SPARK_MASTER_PORT "${SPARK_MASTER_PORT:-7077}"
    require_port SPARK_MASTER_WEBUI_PORT "${SPARK_MASTER_WEBUI_PORT:-8080}"
    if [[ -n ${SPARK_RECOVERY_DIR-} ]]; then
        require_recovery_dir
        await_recovery_dir
        forget_workers
        export SPARK_MASTER_OPTS="${SPARK_MASTER_OPTS-} -Dspark.deploy.recoveryMode=FILESYSTEM"
        SPARK_MASTER_OPTS+=" -Dspark.deploy.recoveryDirectory=$SPARK_RECOVERY_DIR"
    fi
    use_one_compiler
    use_archive_of_classes
    exec spark-class org.apache.spark.deploy.master.Master "$@"
}

# Kubernetes brings a Master back to the node where this runs. When it is asked to end, a Master that comes later would
# find its directory on another node, or is of another release: nothing that is kept here is true any more.
start_keeper() {
    if [[ -z ${SPARK_RECOVERY_DIR-} ]]; then
        refuse "$BAD_VARIABLE" 'SPARK_RECOVERY_DIR names no directory' 'the directory of a master' 'set SPARK_RECOVERY_DIR'
    fi
    require_recovery_dir
    trap 'find "$SPARK_RECOVERY_DIR" -mindepth 1 -maxdepth 1 -type f -regex "$KEPT" -delete; exit' TERM
    printf 'entrypoint: keeping %s\n' "$SPARK_RECOVERY_DIR" >&2
    sleep infinity &
    wait
}

start_worker() {
    export SPARK_WORKER_PORT=${SPARK_WORKER_PORT:-7078}
    require_port SPARK_WORKER_PORT "$SPARK_WORKER_PORT"
    require_port SPARK_WORKER_WEBUI_PORT "${SPARK_WORKER_WEBUI_PORT:-8081}"
    if [[ ! ${SPARK_MASTER_URL-} =~ ^spark://[^/]+:[0-9]+ ]]; then
        refuse "$BAD_VARIABLE" "SPARK_MASTER_URL='${SPARK_MASTER_URL-}' names no master" 'spark://HOST:PORT' \
            'set SPARK_MASTER_URL to the address that the master logs'
    fi
    require_directories SPARK_LOCAL_DIRS "${local_dirs[@]}"
    if [[ -n ${SPARK_SHUFFLE_SERVICE_PORT-} ]]; then
        require_port SPARK_SHUFFLE_SERVICE_PORT "$SPARK_SHUFFLE_SERVICE_PORT"
        if ! ((${#local_dirs[@]})); then
            refuse "$BAD_VARIABLE" 'SPARK_LOCAL_DIRS names no directory that a shuffle service could share' \
                "the shuffle service's directories" 'set SPARK_LOCAL_DIRS, or unset SPARK_SHUFFLE_SERVICE_PORT'
        fi
    fi
    claim_local_dirs worker
    remove_left_overs
    if [[ -n ${SPARK_SHUFFLE_SERVICE_PORT-} ]]; then
        await_service "$SPARK_SHUFFLE_SERVICE_PORT"
    fi
    if [[ ${SPARK_AWAIT_MASTER-} == true ]]; then
        await_master
    fi
    # Spark would take the next port that is free, and whoever asks this one would meet a stranger.
    export SPARK_WORKER_OPTS="${SPARK_WORKER_OPTS-} -Dspark.port.maxRetries=0"
    use_one_compiler
    use_archive_of_classes
    exec spark-class org.apache.spark.deploy.worker.Worker "$@" "$SPARK_MASTER_URL"
}

start_shuffle() {
    local port=${SPARK_SHUFFLE_SERVICE_PORT:-7337}
    require_port SPARK_SHUFFLE_SERVICE_PORT "$port"
    require_directories SPARK_LOCAL_DIRS "${local_dirs[@]}"
    claim_local_dirs 'shuffle service'
    if ((${#local_dirs[@]})); then
        rm -f "${local_dirs[0]}/$LISTENS"-*
    fi
    forget_dead_registrations
    # The service itself reads neither variable. Its database of executors is kept where spark.local.dir says; in RocksDB,
    # because Spark's LevelDB has no library for Linux on ARM.
    SPARK_SHUFFLE_OPTS="${SPARK_SHUFFLE_OPTS-} -Dspark.shuffle.service.port=$port"
    if ((${#local_dirs[@]})); then
        SPARK_SHUFFLE_OPTS+=" -Dspark.local.dir=$SPARK_LOCAL_DIRS -Dspark.shuffle.service.db.backend=ROCKSDB"
    fi
    export SPARK_SHUFFLE_OPTS
    use_archive_of_classes
    # exec keeps the process id, so $$ is the service. In a subshell, so that no zombie stays with the service.
    (announce_once_it_listens "$$" "$port" &)
    exec spark-class org.apache.spark.deploy.ExternalShuffleService "$@"
}

main() {
    read_local_dirs
    if [[ $(id -u) == 0 && ${1-} == probe ]]; then # whose processes spark's are, root may not ask in a container
        exec setpriv --reuid spark --regid spark --init-groups --no-new-privs -- "$0" "$@"
    elif [[ $(id -u) == 0 ]]; then
        give_what_is_left_to_spark
        give_to_spark "${local_dirs[@]}" ${SPARK_RECOVERY_DIR:+"$SPARK_RECOVERY_DIR"}
        export HOME=/home/spark
        exec setpriv --reuid spark --regid spark --init-groups --no-new-privs -- "$0" "$@"
    fi

    # The first argument decides: a mode or a command. Without one, or with only options, SPARK_MODE does.
    case ${1-} in
        master | keeper | worker | shuffle | submit)
            SPARK_MODE=$1
            shift
            ;;
        probe)
            require_port PORT "${2-}"
            some_process_here_listens "$2"
            return
            ;;
        '' | -*) ;;
        *)
            if [[ -z $(type -P "$1") ]]; then # a program: no function or word of the shell
                refuse "$USAGE" "'$1' is neither a mode nor a command of this image" "$MODES, or a command" \
                    'mend the first argument'
            fi
            exec "$@"
            ;;
    esac

    case ${SPARK_MODE-} in
        master) start_master "$@" ;;
        keeper) start_keeper ;;
        worker) start_worker "$@" ;;
        shuffle) start_shuffle "$@" ;;
        submit) exec spark-submit "$@" ;;
        '') refuse "$USAGE" 'neither SPARK_MODE nor a first argument says what to start' "$MODES, or a command" \
            'set SPARK_MODE, or append a mode or a command' ;;
        *) refuse "$USAGE" "SPARK_MODE='$SPARK_MODE' is no mode" "$MODES" 'mend SPARK_MODE' ;;
    esac
}

# Tests source this file for its functions, and only then can it return here. (Comparing $0 with BASH_SOURCE would take
# `bash entrypoint.sh` for that too, and start nothing.)
if ! (return 0 2>/dev/null); then
    main "$@"
fi
