# The program of the container in which a node image gets its images (cluster/node_image.py): a containerd, and when that
# was told to end, what puts all where nodes look for it.
#
# A node image is made by `docker commit`, and nodes keep /var in a volume each, into which the engine copies what the
# image holds there. So all that is large stands in /kind, and containerd finds it by links:
#   /kind/blobs/HASH       what the images consist of, packed
#   /kind/snapshots/HASH   the root file system of one, whole: of several layers the marks of what an upper one removes
#                          would be lost, as `docker commit` takes them for its own
#   /kind/unpacked         the digests of the images that are
# Nodes do not write to any of them: blobs and snapshots do not change.
set -eu
store=/var/lib/containerd
work=/work # in a volume: layers of an overlay file system cannot be written to another one

snapshots() { ctr --namespace k8s.io --connect-timeout 30s snapshots "$@"; }

begin() { # a folder
    containerd --root "$1" > /run/containerd.log 2>&1 &
    snapshots list > /dev/null
}

end() {
    kill -TERM $!
    wait $!
}

# In a copy, which goes: containerd would have each layer by itself.
unpack() {
    cp --archive --link "$work/containerd" "$work/copy"
    find "$work/containerd" -name '*.db' | while read -r file; do
        cp --archive --remove-destination "$file" "$work/copy/${file#"$work/containerd/"}"
    done
    begin "$work/copy"
    for digest in $(ctr --namespace k8s.io images list | awk 'NR > 1 { print $3 }' | sort --unique); do
        if grep -qxF "$digest" /kind/unpacked; then continue; fi
        # Where it fails, as on a storage that bears no overlay file system, each node does with the image what it can.
        if snapshots unpack "$digest" > /dev/null; then echo "$digest" >> /kind/unpacked; fi # else ctr says why
    done
    # containerd notes at what an image consists of which root file system it was unpacked to.
    for name in $(ctr --namespace k8s.io content list | grep -o 'snapshot\.overlayfs=sha256:[0-9a-f]*' | cut -d = -f 2); do
        folder="/kind/snapshots/${name#sha256:}"
        if [ -e "$folder" ]; then continue; fi
        snapshots prepare "look-$name" "$name" > /dev/null
        snapshots mounts /mnt "look-$name" | sh
        mkdir "$folder"
        cp --archive /mnt/. "$folder/"
        umount /mnt
    done
    end
    rm -rf "$work/copy"
}

# Let containerd know them.
enter() {
    begin "$work/containerd"
    for folder in /kind/snapshots/*; do
        [ -d "$folder" ] || continue # there is none
        name="sha256:${folder##*/}"
        if snapshots info "$name" > /dev/null 2>&1; then continue; fi
        snapshots prepare "new-$name" > /dev/null
        empty=$(snapshots mounts /mnt "new-$name" | grep -o '/[^ ]*/fs')
        snapshots commit "$name" "new-$name"
        rmdir "$empty"
        ln -s "$folder" "$empty"
    done
    end
}

mkdir -p "$store" /kind/blobs /kind/snapshots
touch /kind/unpacked
cp --archive "$store" "$work/containerd"
containerd --root "$work/containerd" > /run/containerd.log 2>&1
unpack
enter
find "$work/containerd/io.containerd.content.v1.content/blobs" -type f | while read -r blob; do
    mv "$blob" /kind/blobs/
    ln -s "/kind/blobs/${blob##*/}" "$blob"
done
rm -rf "$store"
cp --archive "$work/containerd" "$store"
