package io.gatun.snapshot.spill;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PagedTableTest {

  private static final int ENTRIES = 300_000;

  /** The multiplier of splitmix64, to spread numbers like hashes. */
  private static final long SPREAD = 0x9e3779b97f4a7c15L;

  @TempDir Path temporary;

  private Fd directory;
  private PagedMemory memory;

  @BeforeEach
  void open() throws Exception {
    directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
    memory = new PagedMemory(new Spill(new LinuxDisk(), directory), 0);
  }

  @AfterEach
  void close() {
    memory.close();
    directory.close();
  }

  @Test
  void moreThanFitsIntoMemoryIsFound() throws Exception {
    PagedTable table = new PagedTable(memory);
    for (int value = 1; value <= ENTRIES; value++) {
      table.add(hash(value), value);
    }
    assertThat(memory.isSpilled()).isTrue();
    assertThat(memory.residentBytes()).isLessThan(1 << 19);
    for (int value = 1; value <= ENTRIES; value++) {
      assertThat(find(table, hash(value), value)).isEqualTo(value);
    }
    for (int value = ENTRIES + 1; value <= 2 * ENTRIES; value++) {
      assertThat(find(table, hash(value), value)).isZero();
    }
  }

  @Test
  void spillHasNoNameAndChangesNoDirectory() throws Exception {
    Object before = Files.getLastModifiedTime(temporary);
    PagedTable table = new PagedTable(memory);
    for (int value = 1; value <= ENTRIES; value++) {
      table.add(hash(value), value);
    }
    assertThat(memory.isSpilled()).isTrue();
    assertThat(temporary).isEmptyDirectory();
    assertThat(Files.getLastModifiedTime(temporary)).isEqualTo(before);
  }

  @Test
  void valuesOfOneHashAreToldApart() throws Exception {
    PagedTable table = new PagedTable(memory);
    int[] hashes = {0, -1, Integer.MIN_VALUE};
    for (int hash : hashes) {
      for (int value = 1; value <= 1000; value++) {
        table.add(hash, hash + value == 0 ? 5000 : hash + value);
      }
    }
    for (int hash : hashes) {
      assertThat(find(table, hash, hash + 1000)).isEqualTo(hash + 1000);
      assertThat(find(table, hash, hash + 1001)).isZero();
    }
    assertThat(find(table, 1, 1)).isZero();
  }

  private static int find(PagedTable table, int hash, int value) throws ErrnoException {
    return table.find(hash, found -> found == value);
  }

  private static int hash(int value) {
    return (int) ((value * SPREAD) >>> Integer.SIZE);
  }
}
