package io.gatun.snapshot.layer.erofs;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A layer of five million entries is indexed within the same memory as any other. */
final class IndexScaleIT {

  private static final int DIRECTORIES = 50_000;
  private static final int FILES_EACH = 99;
  private static final long ENTRIES = DIRECTORIES * (1L + FILES_EACH);
  private static final int ENTRY_BYTES_MAX = 128;
  private static final int HEAP_BYTES_MAX = 16 << 20;

  @TempDir Path directory;

  @Test
  void fiveMillionEntriesFit() throws IOException {
    LinuxDisk disk = new LinuxDisk();
    LayerAttributes attributes =
        new LayerAttributes(0644, 1, 2, new Timespec(3, 4), new Timespec(3, 4), List.of());
    long nameBytes = 0;
    try (Fd at = Fcntl.open(LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        LayerIndexer indexer =
            new LayerIndexer(
                IndexForm.OVERLAY,
                InheritedAttributes.ofTop(),
                LowerAttributes.NOTHING,
                new Spill(disk, at),
                LayerIndexer.RESIDENT_BYTES)) {
      long before = heapBytes();
      long offset = 0;
      for (int i = 0; i < DIRECTORIES; i++) {
        // Unsorted, like a layer that is designed to be slow.
        LinuxPath name = LinuxPath.of("d" + i * 48_611L % DIRECTORIES);
        nameBytes += name.length();
        indexer.entry(
            new LayerEntry.Directory(new LayerPath(LinuxPath.EMPTY, name), attributes),
            () -> ByteBuffer.allocate(0));
        for (int j = 0; j < FILES_EACH; j++) {
          LinuxPath file = LinuxPath.of("file-" + j * 37 % FILES_EACH);
          nameBytes += file.length();
          offset += 1024;
          indexer.entry(
              new LayerEntry.RegularFile(
                  new LayerPath(name, file),
                  attributes,
                  500,
                  List.of(new TarExtent(0, 500)),
                  offset),
              () -> ByteBuffer.allocate(0));
        }
      }
      long heapBytes = heapBytes() - before;
      try (Fd index = disk.createFile(at, LinuxPath.of("index"), 0600)) {
        LayerIndex result =
            indexer.finish(disk, index, new Digest("sha256:" + "0".repeat(64)), offset + 512);
        assertThat(result.inodes()).isEqualTo(ENTRIES + 1);
        assertThat(result.isSpilled()).isTrue();
        assertThat(result.treeBytes() - nameBytes).isLessThan(ENTRY_BYTES_MAX * ENTRIES);
        assertThat(heapBytes).isLessThan(HEAP_BYTES_MAX);
      }
    }
  }

  private static long heapBytes() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
