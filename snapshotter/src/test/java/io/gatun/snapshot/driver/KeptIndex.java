package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Optional;

/** An indexed layer in files of a directory, open for reading. */
public final class KeptIndex implements AutoCloseable {

  private final Fd tar;
  private final Fd index;
  private final String sha256;

  private KeptIndex(Fd tar, Fd index, String sha256) {
    this.tar = tar;
    this.index = index;
    this.sha256 = sha256;
  }

  /**
   * Builds the index of a tar.
   *
   * @param directory which is created
   */
  public static KeptIndex of(Path directory, IndexForm form, byte[] tar) throws IOException {
    Files.createDirectories(directory);
    Path file = Files.write(directory.resolve("tar"), tar);
    LinuxDisk disk = new LinuxDisk();
    LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, tar.length)));
    try (Fd at = Fcntl.open(LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        LayerIndexer indexer =
            new LayerIndexer(
                form,
                InheritedAttributes.ofTop(),
                LowerAttributes.NOTHING,
                new Spill(disk, at),
                LayerIndexer.RESIDENT_BYTES)) {
      for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
        indexer.entry(next.get(), reader::content);
      }
      LinuxPath name = LinuxPath.of("index");
      Digest digest;
      try (Fd written = disk.createFile(at, name, 0600)) {
        digest = indexer.finish(disk, written, digest(tar), tar.length).digest();
      }
      return new KeptIndex(open(file), open(directory.resolve("index")), digest.hex());
    }
  }

  private static Fd open(Path file) throws ErrnoException {
    return Fcntl.open(LinuxPath.of(file), OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
  }

  private static Digest digest(byte[] bytes) {
    MessageDigest hash = Digest.sha256();
    hash.update(bytes);
    return Digest.of(hash);
  }

  public Fd tar() {
    return tar;
  }

  public Fd index() {
    return index;
  }

  public Lower lower(long id) {
    return Lower.indexed(id, sha256);
  }

  @Override
  public void close() {
    tar.close();
    index.close();
  }
}
