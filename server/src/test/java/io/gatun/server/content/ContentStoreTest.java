package io.gatun.server.content;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.server.config.Transport;
import io.gatun.server.net.EventLoops;
import io.gatun.server.rpc.DiffServiceTest;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The connections for calls to containerd. {@link DiffServiceTest} tests the answers. */
@Timeout(60)
final class ContentStoreTest {

  private static final String NAMESPACE = "n";
  private static final byte[] CONTENT = "the content of a blob".getBytes(UTF_8);
  private static final int BLOBS = 5;

  @TempDir private Path directory;
  private final EventLoops loops = EventLoops.open(Transport.AUTO);
  private Path address;
  private Digest digest;
  private ContentStore store;

  @BeforeEach
  void keepABlob() throws IOException {
    MessageDigest sha256 = Digest.sha256();
    sha256.update(CONTENT);
    digest = Digest.of(sha256);
    Path blobs = directory.resolve("io.containerd.content.v1.content/blobs/sha256");
    Files.write(Files.createDirectories(blobs).resolve(digest.hex()), CONTENT);
    address = directory.resolve("containerd.sock");
    store = new ContentStore(address, new ContentFiles(directory), loops);
  }

  @AfterEach
  void close() {
    store.close();
    loops.close();
  }

  @Test
  void oneConnectionIsEnoughForAllBlobsThatAreInFiles() throws IOException {
    try (StandInContainerd containerd = containerd()) {
      for (int i = 0; i < BLOBS; i++) {
        open();
      }
      assertThat(containerd.infos).hasValue(BLOBS);
      assertThat(containerd.connections).hasValue(1);
    }
  }

  @Test
  void aRefusalDoesNotCostTheConnection() throws IOException {
    try (StandInContainerd containerd = containerd()) {
      assertThatThrownBy(() -> store.open("another", digest, CONTENT.length))
          .isInstanceOf(SnapshotException.NotFound.class);
      open();
      assertThat(containerd.infos).hasValue(2);
      assertThat(containerd.connections).hasValue(1);
    }
  }

  @Test
  void containerdMayBeStartedAnew() throws IOException {
    for (int i = 0; i < 3; i++) {
      try (StandInContainerd containerd = containerd()) {
        open();
        assertThat(containerd.infos).hasValue(1);
      }
    }
  }

  @Test
  void whereItIsNotThereItIsAskedAgainAtOnceWhenItIs() throws IOException {
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(this::open)
          .isInstanceOf(SnapshotException.Unavailable.class)
          .hasMessageContaining(address.toString());
    }
    try (StandInContainerd containerd = containerd()) {
      open();
      assertThat(containerd.infos).hasValue(1);
    }
  }

  private StandInContainerd containerd() throws IOException {
    Files.deleteIfExists(address);
    StandInContainerd containerd = new StandInContainerd(address);
    containerd.put(NAMESPACE, digest.text(), CONTENT);
    return containerd;
  }

  private void open() throws IOException {
    store.open(NAMESPACE, digest, CONTENT.length).close();
  }
}
