package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class XattrTest {

  private static final LinuxPath NAME = LinuxPath.of("name");
  private static final LinuxPath ATTRIBUTE = LinuxPath.of("user.gatun");
  private static final byte[] VALUE = {0, 1, (byte) 0xff, 0};

  @TempDir Path temporary;
  private Fd directory = Fd.CURRENT_DIRECTORY;
  private Fd file = Fd.CURRENT_DIRECTORY;

  @BeforeEach
  void openFile() throws ErrnoException {
    directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.PATH, OpenFlag.DIRECTORY);
    file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.READ_WRITE);
  }

  @AfterEach
  void closeFile() {
    file.close();
    directory.close();
  }

  @Test
  void attributesSetOneWayAreSeenTheOther() throws Exception {
    Xattr.fsetxattr(file, ATTRIBUTE, VALUE);
    assertThat(Xattr.lgetxattr(directory, NAME, ATTRIBUTE)).hasValue(VALUE);
    assertThat(Xattr.llistxattr(directory, NAME)).contains(ATTRIBUTE);
    LinuxPath second = LinuxPath.of("user.second");
    Xattr.lsetxattr(directory, NAME, second, new byte[0]);
    assertThat(Xattr.fgetxattr(file, second)).hasValue(new byte[0]);
    assertThat(Xattr.flistxattr(file)).contains(ATTRIBUTE, second);
    Xattr.fremovexattr(file, ATTRIBUTE);
    Xattr.fremovexattr(file, second);
    assertThat(Xattr.flistxattr(file)).doesNotContain(ATTRIBUTE, second);
  }

  @Test
  void missingAttributeIsAnAnswerToReadingAndAnErrorOfRemoving() throws Exception {
    assertThat(Xattr.fgetxattr(file, ATTRIBUTE)).isEmpty();
    assertThat(Xattr.lgetxattr(directory, NAME, ATTRIBUTE)).isEmpty();
    assertFails(
        "fremovexattr user.gatun of", Errno.ENODATA, () -> Xattr.fremovexattr(file, ATTRIBUTE));
    assertFails(
        "lgetxattr",
        Errno.ENOENT,
        () -> Xattr.lgetxattr(directory, LinuxPath.of("none"), ATTRIBUTE));
  }

  @Test
  void valuesOfEveryLengthAreReadWhole() throws Exception {
    for (int length : new int[] {0, 1, 511, 512, 513, 2000}) {
      byte[] value = new byte[length];
      Arrays.fill(value, (byte) length);
      Xattr.fsetxattr(file, ATTRIBUTE, value);
      assertThat(Xattr.fgetxattr(file, ATTRIBUTE)).hasValue(value);
      assertThat(Xattr.lgetxattr(directory, NAME, ATTRIBUTE)).hasValue(value);
    }
  }

  @Test
  void listsOfEveryLengthAreReadWhole() throws Exception {
    List<LinuxPath> names = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      LinuxPath name = LinuxPath.of("user." + "n".repeat(40) + i);
      Xattr.fsetxattr(file, name, new byte[0]);
      names.add(name);
      assertThat(Xattr.flistxattr(file)).containsAll(names);
      assertThat(Xattr.llistxattr(directory, NAME)).containsAll(names);
    }
  }

  @Test
  void namesOfAnyBytesAreKept() throws Exception {
    LinuxPath odd = LinuxPath.of("user.").resolve("x");
    byte[] bytes = odd.bytes();
    bytes[bytes.length - 1] = (byte) 0xfe;
    LinuxPath name = LinuxPath.ofBytes(bytes);
    Xattr.fsetxattr(file, name, VALUE);
    assertThat(Xattr.flistxattr(file)).contains(name);
  }

  @Test
  void symbolicLinkIsNotFollowed() throws Exception {
    LinuxPath link = LinuxPath.of("link");
    Unistd.symlinkat(NAME, directory, link);
    Xattr.fsetxattr(file, ATTRIBUTE, VALUE);
    assertThat(Xattr.llistxattr(directory, link)).doesNotContain(ATTRIBUTE);
    // xattr(7): only files and directories have user attributes.
    assertFails(
        "lsetxattr user.gatun of",
        Errno.EPERM,
        () -> Xattr.lsetxattr(directory, link, ATTRIBUTE, VALUE));
  }

  @Test
  void currentDirectoryNeedsNoDescriptor() throws Exception {
    LinuxPath absolute = LinuxPath.of(temporary).resolve(NAME);
    Xattr.lsetxattr(Fd.CURRENT_DIRECTORY, absolute, ATTRIBUTE, VALUE);
    assertThat(Xattr.lgetxattr(Fd.CURRENT_DIRECTORY, absolute, ATTRIBUTE)).hasValue(VALUE);
  }

  @Test
  void namespacesAndLimitsAreThoseOfTheKernel() {
    assertFails(
        "fsetxattr gatun of",
        Errno.EOPNOTSUPP,
        () -> Xattr.fsetxattr(file, LinuxPath.of("gatun"), VALUE));
    assertFails(
        "fsetxattr user.gatun of",
        Errno.E2BIG,
        () -> Xattr.fsetxattr(file, ATTRIBUTE, new byte[Abi.XATTR_SIZE_MAX + 1]));
    LinuxPath tooLong = LinuxPath.of("user." + "n".repeat(Abi.XATTR_NAME_MAX));
    assertFails(
        "fsetxattr " + tooLong + " of", Errno.ERANGE, () -> Xattr.fsetxattr(file, tooLong, VALUE));
  }
}
