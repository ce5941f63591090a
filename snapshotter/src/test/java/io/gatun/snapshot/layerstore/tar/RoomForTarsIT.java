package io.gatun.snapshot.layerstore.tar;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layerstore.TestStore;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How much space tars take while they are written. */
class RoomForTarsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  @Test
  void nothingIsAllocatedAheadWhereOthersMayNeedIt() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("room-");
    assertThat(directory.toFile().getUsableSpace()).isLessThan(TarFile.ROOM_BYTES_MIN);
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    byte[] tar = TarBuilder.pax().file("f", 0644, new byte[20 << 20]).finish();
    try (TestStore stored = new TestStore(calls.disk(), directory)) {
      stored.keep(tar);
      assertThat(stored.tar(BytesBlob.digestOf(tar))).hasBinaryContent(tar);
    }
    assertThat(calls.count("allocate")).isZero();
  }
}
