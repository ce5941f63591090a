package io.gatun.server.content;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.LayerBlob;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ContentFilesTest {

  private static final byte[] CONTENT = "content".getBytes(US_ASCII);

  @TempDir private Path root;
  private Path file;
  private Digest digest;
  private ContentFiles files;

  @BeforeEach
  void nameTheFile() throws Exception {
    MessageDigest sha256 = Digest.sha256();
    sha256.update(CONTENT);
    digest = Digest.of(sha256);
    files = new ContentFiles(root);
    Path blobs = root.resolve("io.containerd.content.v1.content/blobs/sha256");
    file = Files.createDirectories(blobs).resolve(digest.hex());
  }

  @Test
  void aBlobIsReadFromItsFileAndHashedByWhoeverAppliesIt() throws Exception {
    Files.write(file, CONTENT);
    try (LayerBlob blob = files.open(digest).orElseThrow()) {
      assertThat(blob.digest()).isEqualTo(digest);
      assertThat(blob.sizeBytes()).hasValue(CONTENT.length);
      assertThat(blob.isVerified()).isFalse();
      ByteBuffer read = ByteBuffer.allocateDirect(100);
      assertThat(blob.read(read)).isEqualTo(CONTENT.length);
      assertThat(blob.read(read)).isEqualTo(-1);
    }
  }

  @Test
  void whatIsNotThereOrNoFileIsNoBlob() throws Exception {
    assertThat(files.open(digest)).isEmpty();
    Path elsewhere = Files.write(root.resolve("elsewhere"), CONTENT);
    Files.createSymbolicLink(file, elsewhere);
    assertThat(files.open(digest)).isEmpty();
    Files.delete(file);
    Files.createDirectory(file);
    assertThat(files.open(digest)).isEmpty();
  }

  @Test
  void aFileOfAnotherLengthThanIsAskedForIsNoBlob() throws Exception {
    Files.write(file, CONTENT);
    assertThat(files.open(digest, OptionalLong.of(CONTENT.length + 1))).isEmpty();
    files.open(digest, OptionalLong.of(CONTENT.length)).orElseThrow().close();
  }
}
