package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.ForkedJvm;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Gatun as root of a user namespace, which must not write the attributes that overlay prefers. */
class UserNamespaceIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  @ParameterizedTest
  @EnumSource
  void overlayWorksWithAttributesOfTheUser(Kind kind) throws Exception {
    Path root = FILESYSTEMS.of(kind).createDirectory("root-");
    assertThat(run(root))
        .contains("driver=OVERLAY")
        .containsPattern("options=.*userxattr")
        .containsPattern("attributes=.*user\\.overlay\\.opaque")
        .contains("removed=false", "below=false", "directory=true");
  }

  private static String run(Path root) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of("unshare", "--user", "--map-root-user", "--mount", "--kill-child", "--fork"));
    command.addAll(ForkedJvm.command(List.of(), LifeInUserNamespace.class, root.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
