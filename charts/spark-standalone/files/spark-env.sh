# Every start of Spark sources this first, of daemons and of drivers. Spark takes the secret from its configuration only, and
# that is a ConfigMap: so what Spark reads is put together here, readable for whoever starts it, and as new as the ConfigMap.
secret=$(sed 's/\\/&&/g' "$SPARK_HOME/authentication/secret") || exit 78
case $secret in
*"
"*) secret_is='has several lines' ;; # Spark would read the others as properties
*[![:space:]]*) secret_is= ;;
*) secret_is='is empty' ;;
esac
if [ "$secret_is" ]; then
    echo "spark-env.sh: $SPARK_HOME/authentication/secret $secret_is: put one line of long random text under the key \`secret\` of its Secret" >&2
    exit 78
fi
folder=${TMPDIR:-/tmp}/spark-conf-$(id -u)
mkdir -p -m 700 "$folder" || exit 73
for file in "$SPARK_CONF_DIR"/*; do
    [ "${file##*/}" = spark-defaults.conf ] || ln -sfn "$file" "$folder/"
done
# Renamed, so that nobody who starts at the same time reads half of it.
(
    umask 077
    {
        cat "$SPARK_CONF_DIR/spark-defaults.conf" && printf '\nspark.authenticate.secret=%s\n' "$secret"
    } >"$folder/.defaults-$$" && mv -f "$folder/.defaults-$$" "$folder/spark-defaults.conf"
) || exit 73
SPARK_CONF_DIR=$folder
unset secret secret_is folder file
