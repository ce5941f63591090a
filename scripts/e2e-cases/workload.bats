#!/usr/bin/env bats
# Everyday work in containers has the same results on either form of layers.
load helpers
load workload

# A package manager, interpreters that compile, large programs that run while they are replaced, and programs that copy trees.
# shellcheck disable=SC2016
workload='
set -eu
exec 2>&1
export DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=1000000000

echo "--- packages"
dpkg-query --show --showformat "\${Package} \${Version} \${Status}\n"
made=/srv/demo
mkdir -p $made/DEBIAN $made/usr/share/demo
cp -a /usr/share/ca-certificates $made/usr/share/demo
printf "Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: gatun\nDescription: demo\n" >$made/DEBIAN/control
dpkg-deb --root-owner-group --build $made /srv/demo.deb
dpkg --install /srv/demo.deb
dpkg --listfiles demo
apt-get --yes remove jq iputils-ping
apt-get check
dpkg --audit
dpkg --verify || true

echo "--- interpreters"
python3 -c "import hashlib; print(hashlib.sha256(open(\"/usr/bin/python3\", \"rb\").read()).hexdigest())"
find /usr/lib/python3.* -name "*.py" ! -path "*/__pycache__/*" -exec python3 -m py_compile {} +
find /usr/lib/python3.* -name "*.pyc" -exec sha256sum {} + | sort
perl -MPOSIX -e "print sqrt(2), \"\n\" x (\$> == 0)"
find /usr/share/perl5 /usr/lib/x86_64-linux-gnu/perl-base -name "*.pm" -exec sha256sum {} + | sort

echo "--- programs"
large=$(readlink -f /usr/bin/python3)
"$large" -c "import time; time.sleep(30)" &
running=$!
cp -p "$large" /srv/copied-program
/srv/copied-program -c "print(\"copied\")"
chmod u+s "$large"
"$large" -c "print(\"changed while it runs\")"
mv /srv/copied-program "$large"
"$large" -c "print(\"replaced while it runs\")"
kill -0 $running && kill $running
echo text | openssl dgst -sha3-512
/sbin/ldconfig --print-cache | sort

echo "--- trees"
find / -xdev -printf "%D\n" | sort -u | wc -l
find / -xdev ! -path "/var/log/*" | sort | sha256sum
du --one-file-system --inodes --count-links --exclude=/var/log / | sort -k 2
tar --one-file-system --sort=name --mtime=@0 -C / -cf - usr etc | sha256sum
cp -ax /usr/lib /srv/copied-tree
diff -r --no-dereference /usr/lib /srv/copied-tree
hardlinks=$(find / -xdev -type f -links +1 | sort)
echo "$hardlinks" | xargs -r stat --format "%n %h %s"
for link in $hardlinks; do [ "$(stat --format %d "$link")" = "$(stat --format %d /)" ] || echo "$link is elsewhere"; done

# These contain times.
rm -rf /var/log /var/cache
'

@test "does the same work on both forms of layers" {
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter has directories only"
  own_differ=yes
  start_node ext4
  compare_work latest "$workload"
}
