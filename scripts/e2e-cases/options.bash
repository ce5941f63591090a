# Containers with special options.
# shellcheck shell=bash

gives_a_user_namespace_its_files() {
  start_node ext4
  pull latest
  container_options=(--uidmap 0:100000:65536 --gidmap 0:100000:65536)
  assert_equal "the owner as the container sees it" "0:0 0" \
    "$(run_container mapped latest sh -c 'echo "$(stat -c %u:%g /etc/hostname)" "$(id -u)"')"
  start_container mapped-too latest sh -c 'echo written >/srv/written && sleep infinity'
  await 10 "the container to write" exec_in mapped-too test -s /srv/written
  assert_equal "the owner as the host sees it" 100000:100000 \
    "$(stat -c %u:%g "/proc/$(run_ctr tasks ls | awk '$1 == "mapped-too" { print $2 }')/root/srv/written")"
}
