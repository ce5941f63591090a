package io.gatun.snapshot.layer.lower;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The files of a snapshot, to which layers are applied.
 *
 * @param files their root directory
 * @param lowers the lower layers, nearest first
 */
public record TestTree(Path files, DeletionForm form, List<Path> lowers) {

  /** Enough for large content, and odd, so that pieces do not end at block boundaries. */
  private static final int PIECE_BYTES = 1_000_001;

  /** Runs before each entry of a layer. */
  @FunctionalInterface
  public interface Before {
    void entry(LayerEntry entry) throws IOException;

    Before NOTHING = _ -> {};
  }

  public static TestTree of(Path files, DeletionForm form, Path... lowers) throws IOException {
    Files.createDirectories(files);
    return new TestTree(files, form, List.of(lowers));
  }

  public LayerTarget target() {
    return new LayerTarget(LinuxPath.of(files), form, lowers.stream().map(LinuxPath::of).toList());
  }

  public TreeResult apply(TarBuilder tar) throws IOException {
    return apply(new LinuxDisk(), tar.finish(), Before.NOTHING);
  }

  public TreeResult apply(Disk disk, byte[] tar, Before before) throws IOException {
    try (TreeWriter writer = TreeWriter.open(disk, target(), true)) {
      write(writer, tar, before);
      return writer.finish();
    }
  }

  public static void write(TreeWriter writer, byte[] tar, Before before) throws IOException {
    LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, PIECE_BYTES)));
    for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
      before.entry(next.get());
      writer.entry(next.get(), reader::content);
    }
  }

  /** {@return the lines of the manifest without their times} */
  public List<String> lines() throws ErrnoException {
    return TreeManifest.of(files).stream().map(TestTree::withoutTimes).toList();
  }

  public static String withoutTimes(String line) {
    return line.replaceAll(" [am]time=[-0-9.]+", "");
  }

  /** {@return the line of the manifest for one path} */
  public String line(String path) throws ErrnoException {
    return TreeManifest.of(files).stream()
        .filter(line -> line.startsWith(path + " type="))
        .findFirst()
        .orElse("nothing at " + path);
  }

  /** {@return all paths but the root's} */
  public List<String> paths() throws ErrnoException {
    return TreeManifest.of(files).stream()
        .map(line -> line.substring(0, line.indexOf(" type=")))
        .filter(path -> !path.equals("."))
        .toList();
  }

  public boolean isOpaque(String path) throws ErrnoException {
    String attribute =
        form == DeletionForm.OVERLAY_USERXATTR ? "user.overlay.opaque" : "trusted.overlay.opaque";
    try (Fd directory = SecureOpen.openTop(LinuxPath.of(files.resolve(path)))) {
      return Xattr.fgetxattr(directory, LinuxPath.of(attribute)).isPresent();
    }
  }

  /** {@return the number of open descriptors of this process} */
  public static long descriptors() throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      return descriptors.count();
    }
  }
}
