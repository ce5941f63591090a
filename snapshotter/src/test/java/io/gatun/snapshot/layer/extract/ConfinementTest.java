package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Goal: without openat2(2), directories are opened, or not, as with it. */
class ConfinementTest {

  enum Way {
    BY_ONE_CALL {
      @Override
      Fd open(Fd top, LinuxPath path) throws ErrnoException {
        return Confinement.open(top, path);
      }
    },
    STEP_BY_STEP {
      @Override
      Fd open(Fd top, LinuxPath path) throws ErrnoException {
        return Confinement.openStepByStep(top, path);
      }
    };

    abstract Fd open(Fd top, LinuxPath path) throws ErrnoException;
  }

  @TempDir private Path temporary;
  private Fd top;

  @BeforeEach
  void makeTree() throws IOException {
    Files.createDirectories(temporary.resolve("top/a/b/c"));
    Files.createDirectories(temporary.resolve("outside/b"));
    Files.createFile(temporary.resolve("top/a/file"));
    Files.createSymbolicLink(temporary.resolve("top/a/inside"), Path.of("b"));
    Files.createSymbolicLink(temporary.resolve("top/a/out"), Path.of("../../outside"));
    Files.createSymbolicLink(temporary.resolve("top/a/absolute"), temporary.resolve("outside"));
    top = Confinement.openTop(LinuxPath.of(temporary.resolve("top")));
  }

  @AfterEach
  void close() {
    top.close();
  }

  @ParameterizedTest
  @EnumSource
  void directoriesAreOpenedWhereTheyAre(Way way) throws IOException {
    for (String path : new String[] {"a", "a/b", "a/b/c"}) {
      Path expected = temporary.resolve("top").resolve(path);
      try (Fd directory = way.open(top, LinuxPath.of(path));
          Fd same = Confinement.openTop(LinuxPath.of(expected))) {
        assertThat(Stat.statx(directory).isSameInode(Stat.statx(same))).as(path).isTrue();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsElsewhereIsNotOpened(Way way) {
    for (String path :
        new String[] {
          "no",
          "a/no/b",
          "a/file",
          "a/file/x",
          "a/inside",
          "a/inside/c",
          "a/out",
          "a/out/b",
          "a/absolute/b"
        }) {
      assertThatThrownBy(() -> way.open(top, LinuxPath.of(path)).close())
          .as(path)
          .isInstanceOfSatisfying(
              ErrnoException.class,
              e -> {
                assertThat(Confinement.isElsewhere(e)).isTrue();
                assertThat(Confinement.isMissing(e)).isEqualTo(path.contains("no"));
              });
    }
  }
}
