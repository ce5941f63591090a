package io.gatun.snapshot.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.openhft.chronicle.bytes.BytesStore;
import net.openhft.chronicle.hash.VanillaGlobalMutableState;
import net.openhft.chronicle.hash.VanillaGlobalMutableState$$Native;
import net.openhft.chronicle.values.Values;
import net.openhft.posix.PosixAPI;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Gatun's replacements for parts of Chronicle Map are used and equal the originals. */
final class ChronicleClassesTest {

  private static final int BYTES = 25;

  /** The fields of the header with their maximum values. */
  private enum Field {
    AllocatedExtraTierBulks(int.class, (1L << 24) - 1),
    FirstFreeTierIndex(long.class, (1L << 40) - 1),
    ExtraTiersInUse(long.class, (1L << 40) - 1),
    SegmentHeadersOffset(long.class, (1L << 32) - 1),
    DataStoreSize(long.class, Long.MAX_VALUE);

    private final Class<?> type;
    private final long maximum;

    Field(Class<?> type, long maximum) {
      this.type = type;
      this.maximum = maximum;
    }
  }

  /** The class that the unmodified library generates. */
  private static Class<?> generated;

  private static Class<?> generatedStore;

  @BeforeAll
  static void generate() throws Exception {
    List<URL> jars =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> entry.endsWith(".jar"))
            .map(ChronicleClassesTest::url)
            .toList();
    // Stays open: the generated class loads others when it is used.
    URLClassLoader alone =
        new URLClassLoader(jars.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
    Class<?> state = alone.loadClass(VanillaGlobalMutableState.class.getName());
    generated =
        (Class<?>)
            alone
                .loadClass(Values.class.getName())
                .getMethod("nativeClassFor", Class.class)
                .invoke(null, state);
    generatedStore = alone.loadClass(BytesStore.class.getName());
  }

  private static URL url(String entry) {
    try {
      return Path.of(entry).toUri().toURL();
    } catch (java.net.MalformedURLException e) {
      throw new IllegalArgumentException(entry, e);
    }
  }

  @Test
  void libraryFindsOurClass() {
    assertThat((Object) Values.nativeClassFor(VanillaGlobalMutableState.class))
        .isEqualTo(VanillaGlobalMutableState$$Native.class);
    assertThat(generated.getName()).isEqualTo(VanillaGlobalMutableState$$Native.class.getName());
    assertThat((Object) generated).isNotEqualTo(VanillaGlobalMutableState$$Native.class);
  }

  @Test
  void oursReadsAndWritesTheBytesThatTheGeneratedOneDoes() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      byte[] before = new byte[BYTES];
      random.nextBytes(before);
      byte[] expected = before.clone();
      byte[] found = before.clone();
      Object theirs = view(generated, generatedStore, expected);
      Object ours = view(VanillaGlobalMutableState$$Native.class, BytesStore.class, found);
      Field field = Field.values()[random.nextInt(Field.values().length)];
      long value = random.nextLong() & field.maximum;
      set(theirs, field, value);
      set(ours, field, value);
      assertThat(found).as("%s = %d, seed %d", field, value, seed).isEqualTo(expected);
      for (Field each : Field.values()) {
        assertThat(get(ours, each)).as("%s, seed %d", each, seed).isEqualTo(get(theirs, each));
      }
      assertThat(get(ours, field)).isEqualTo(value);
    }
  }

  @Test
  void sizesAddUp() throws Exception {
    byte[] expected = new byte[BYTES];
    byte[] found = new byte[BYTES];
    Object theirs = view(generated, generatedStore, expected);
    Object ours = view(VanillaGlobalMutableState$$Native.class, BytesStore.class, found);
    for (long addition : new long[] {5, 1L << 40, -7}) {
      assertThat(call(ours, "addDataStoreSize", long.class, addition))
          .isEqualTo(call(theirs, "addDataStoreSize", long.class, addition));
    }
    assertThat(found).isEqualTo(expected);
  }

  @Test
  void bothRefuseTheSameValues() throws Exception {
    Object theirs = view(generated, generatedStore, new byte[BYTES]);
    Object ours = view(VanillaGlobalMutableState$$Native.class, BytesStore.class, new byte[BYTES]);
    for (Field field : Field.values()) {
      for (Object state : List.of(theirs, ours)) {
        assertRefused(state, field, -1);
        if (field.maximum < Long.MAX_VALUE) {
          assertRefused(state, field, field.maximum + 1);
        }
        set(state, field, field.maximum);
        assertThat(get(state, field)).isEqualTo(field.maximum);
      }
    }
  }

  @Test
  void systemCallsGoThroughOurBindings() throws Exception {
    ChroniclePosix.install();

    assertThat(PosixAPI.posix()).isInstanceOf(ChroniclePosix.class);
    assertThat(PosixAPI.posix().fallocate(1_000_000, 0, 0, 1)).isNotZero();
  }

  private static void assertRefused(Object state, Field field, long value) {
    assertThatThrownBy(() -> set(state, field, value))
        .isInstanceOf(InvocationTargetException.class)
        .hasCauseInstanceOf(IllegalArgumentException.class);
  }

  private static Object view(Class<?> type, Class<?> storeType, byte[] bytes) throws Exception {
    Object store =
        storeType.getMethod("wrap", ByteBuffer.class).invoke(null, ByteBuffer.wrap(bytes));
    Object state = type.getConstructor().newInstance();
    type.getMethod("bytesStore", storeType, long.class, long.class)
        .invoke(state, store, 0L, (long) BYTES);
    return state;
  }

  private static void set(Object state, Field field, long value) throws Exception {
    if (field.type == int.class) {
      call(state, "set" + field, int.class, (int) value);
    } else {
      call(state, "set" + field, long.class, value);
    }
  }

  private static long get(Object state, Field field) throws Exception {
    return ((Number) state.getClass().getMethod("get" + field).invoke(state)).longValue();
  }

  private static Object call(Object state, String name, Class<?> type, Object value)
      throws Exception {
    Method method = state.getClass().getMethod(name, type);
    return method.invoke(state, value);
  }
}
