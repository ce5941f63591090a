# Everyday work in containers has the same results on either form of layers.
# shellcheck shell=bash

# compare_work TAG COMMANDS
compare_work() {
  work_on_layers directory "$@"
  stop gatun
  layers=indexed
  write_configuration
  restart_gatun
  await_plugin
  work_on_layers indexed "$@"
  assert_same_files "the output of the work" /tmp/directory.said /tmp/indexed.said
  assert_same_files "the files that it left" /tmp/directory.left /tmp/indexed.left
  assert_same_files "the files that rsync finds" /tmp/directory.synchronized /tmp/indexed.synchronized
  assert_same_files "files that were mapped" /tmp/directory.mapped /tmp/indexed.mapped
}

# work_on_layers FORM TAG COMMANDS: writes the output of the work, the files that it leaves, and mapped files of the image to
# files.
work_on_layers() {
  pull "$2"
  view gatun "$(chain_ids "$2" | tail -n 1)" /tmp/image
  "$testbed" manifest --mapped /tmp/image >"/tmp/$1.mapped"
  unview gatun /tmp/image
  start_container working "$2" sleep infinity
  exec_in working sh -c "$3" >"/tmp/$1.said" || {
    tail -n 20 "/tmp/$1.said" >&2
    fail "the work on layers as $1"
  }
  stop_container working
  mkdir -p /tmp/worked
  # shellcheck disable=SC2091
  LIBMOUNT_FORCE_MOUNT2=always $(run_ctr snapshots --snapshotter gatun mounts /tmp/worked working)
  # Without times, since the two runs wrote at different ones.
  "$testbed" manifest /tmp/worked | sed 's/ mtime=[0-9.]*//' >"/tmp/$1.left"
  rsync --archive --hard-links --one-file-system --dry-run --out-format='%n%L' /tmp/worked/ /tmp/nowhere |
    sort >"/tmp/$1.synchronized"
  umount /tmp/worked
  remove_container working
  remove_images
  await 20 "the directories to go" has_no_directories
}
