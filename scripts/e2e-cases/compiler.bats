#!/usr/bin/env bats
# A compiler, large programs and packages of their output behave the same on either form of layers.
load helpers
load workload

# Programs compiled from objects and libraries, with a compiler that is copied up in between; and packages of the programs, one of
# which depends on the other.
# shellcheck disable=SC2016
compiling='
set -eu
exec 2>&1
export DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=1000000000
mkdir /srv/made
cd /srv/made

echo "--- a program"
cat >sum.c <<C
#include <stddef.h>
unsigned long sum(const unsigned char *bytes, size_t length) {
  unsigned long sum = 0xcbf29ce484222325;
  for (size_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 0x100000001b3;
  return sum;
}
C
cat >main.c <<C
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
unsigned long sum(const unsigned char *bytes, size_t length);
int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    struct stat status;
    int file = open(names[i], O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) return 1;
    unsigned char *mapped = mmap(NULL, status.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) return 1;
    printf("%s %lx\n", names[i], sum(mapped, status.st_size));
  }
  return 0;
}
C
compile() {
  gcc -O2 -g -Wall -Werror -fPIC -c sum.c main.c
  ar rcs libsum.a sum.o
  gcc -shared -o libsum.so sum.o
  gcc -o static main.o libsum.a
  gcc -o dynamic main.o -L. -lsum
  sha256sum *.o libsum.* static dynamic
}
compile
compiler=$(gcc -print-prog-name=cc1)
linker=$(readlink -f "$(command -v ld)")
stat --format "%n %s" "$compiler" "$linker"
./static "$compiler" "$linker" libsum.so
LD_LIBRARY_PATH=. ./dynamic "$compiler" /usr/lib/x86_64-linux-gnu/*.so*
gcc -O2 -static -o alone main.c sum.c
./alone "$compiler"

echo "--- a compiler that is copied up"
chmod u+w,g+w "$compiler" "$linker"
touch -d @1000000000 "$compiler" "$linker"
rm -f *.o libsum.* static dynamic
compile
cp "$compiler" /srv/cc1
mv /srv/cc1 "$compiler"
echo "int main(void) { return 42; }" >answer.c
gcc -o answer answer.c
./answer || echo "$?"

echo "--- packages"
library=/srv/libsum
mkdir -p $library/DEBIAN $library/usr/lib/x86_64-linux-gnu
cp -p libsum.so $library/usr/lib/x86_64-linux-gnu
printf "Package: libsum\nVersion: 1\nArchitecture: amd64\nMaintainer: gatun\nDescription: sums\n" >$library/DEBIAN/control
echo "activate-noawait ldconfig" >$library/DEBIAN/triggers
package() {
  mkdir -p /srv/sum/DEBIAN /srv/sum/usr/bin /srv/sum/etc
  cp -p dynamic /srv/sum/usr/bin/sum-of
  echo "version $1" >/srv/sum/etc/sum.conf
  echo /etc/sum.conf >/srv/sum/DEBIAN/conffiles
  printf "Package: sum\nVersion: %s\nArchitecture: amd64\nMaintainer: gatun\nDepends: libsum\nDescription: sums\n" "$1" \
    >/srv/sum/DEBIAN/control
  printf "#!/bin/sh\necho configured: \"\$@\"\n" >/srv/sum/DEBIAN/postinst
  chmod 755 /srv/sum/DEBIAN/postinst
  dpkg-deb --root-owner-group --build /srv/sum /srv/sum-$1.deb
}
dpkg-deb --root-owner-group --build $library /srv/libsum.deb
package 1
package 2
# In the reverse order, dpkg configures them by dependency.
dpkg --install /srv/sum-1.deb /srv/libsum.deb
sum-of /etc/sum.conf
dpkg --install /srv/sum-2.deb
sum-of /etc/sum.conf /usr/bin/sum-of
dpkg-query --show sum libsum
dpkg --verify sum libsum
! dpkg --remove libsum
sha256sum /srv/*.deb

# These contain times.
rm -rf /var/log /var/cache
'

@test "compiles and installs the same on both forms of layers" {
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter has directories only"
  dpkg-query --show gcc libc6-dev >/dev/null 2>&1 || skip "this machine's C compiler is not from a package"
  cp -a "$small_images" /tmp/images
  small_images=/tmp/images
  registry_kind=writable
  own_differ=yes
  start_node ext4
  push_compiler_image compiler
  compare_work compiler "$compiling"
}

# push_compiler_image TAG: creates and pushes an image with this machine's C compiler in a layer of its own.
push_compiler_image() {
  local layout=/tmp/compiler packages
  mapfile -t packages < <(
    apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
      --no-enhances gcc libc6-dev | grep '^[a-z]' | sort -u
  )
  # Omits files that take time and are not used.
  dpkg-query --listfiles "${packages[@]}" | sed -n -E 's,^/,,; s,^(bin|sbin|lib|lib64)/,usr/\1/,; /\//p' | sort -u |
    grep -v -E '^usr/share/(doc|info|lintian|locale|man)/|/lib(a|hwa|l|t|ub)san|gprofng|/lto1$' >/tmp/compiler.names
  tar --create --file /tmp/compiler.tar --directory / --numeric-owner --no-recursion --ignore-failed-read \
    --files-from /tmp/compiler.names
  skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$(reference latest)" "oci:$layout:$1"
  umoci raw add-layer --image "$layout:$1" /tmp/compiler.tar
  skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$layout:$1" "docker://$(reference "$1")"
  rm -r "$layout" /tmp/compiler.tar
}
