package io.gatun.isal;

import io.gatun.linux.NativeCall;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The functions of {@code libisal.so.2}, if it is installed in the version for which {@link
 * Layouts#INFLATE_STATE} was verified.
 *
 * <p>The library has no function that returns its version, and its soname does not determine the
 * layout of {@code struct inflate_state}, which callers allocate. The file name does: {@code
 * libisal.so.2.0.31} is 2.31. Other versions are not used, because the structure might have the
 * wrong size.
 */
final class IsalLibrary {

  private static final String SONAME = "libisal.so.2";
  private static final Path MAPS = Path.of("/proc/self/maps");
  private static final Pattern FILE = Pattern.compile(".*/libisal\\.so\\.(\\d+)\\.\\d+\\.(\\d+)");

  private static final FunctionDescriptor INIT = FunctionDescriptor.ofVoid(NativeCall.POINTER);
  private static final FunctionDescriptor INFLATE =
      FunctionDescriptor.of(NativeCall.INT, NativeCall.POINTER);

  /** The result of loading: the library or the reason for its absence. */
  private record Loaded(@Nullable IsalLibrary library, String absence) {}

  private static final Loaded LOADED = load();

  private final MethodHandle init;
  private final MethodHandle reset;
  private final MethodHandle inflate;

  private IsalLibrary(SymbolLookup symbols) {
    Linker linker = Linker.nativeLinker();
    this.init = linker.downcallHandle(find(symbols, "isal_inflate_init"), INIT);
    this.reset = linker.downcallHandle(find(symbols, "isal_inflate_reset"), INIT);
    this.inflate = linker.downcallHandle(find(symbols, "isal_inflate"), INFLATE);
  }

  private static MemorySegment find(SymbolLookup symbols, String name) {
    return symbols
        .find(name)
        .orElseThrow(() -> new IllegalArgumentException(SONAME + " has no function " + name));
  }

  static Optional<String> absence() {
    return LOADED.library == null ? Optional.of(LOADED.absence) : Optional.empty();
  }

  static IsalLibrary required() {
    IsalLibrary library = LOADED.library;
    if (library == null) {
      throw new UnsupportedOperationException(LOADED.absence);
    }
    return library;
  }

  private static Loaded load() {
    try {
      SymbolLookup symbols = SymbolLookup.libraryLookup(SONAME, Arena.global());
      try (Stream<String> maps = Files.lines(MAPS)) {
        Optional<String> refusal = refusal(maps);
        return refusal.isPresent()
            ? new Loaded(null, refusal.get())
            : new Loaded(new IsalLibrary(symbols), "");
      }
    } catch (IllegalArgumentException e) {
      return new Loaded(null, "%s cannot be loaded: %s".formatted(SONAME, e.getMessage()));
    } catch (IOException e) {
      return new Loaded(
          null, "%s: %s does not give its version: %s".formatted(SONAME, MAPS, e.getMessage()));
    }
  }

  /** {@return why the library in these mappings must not be used, or empty} */
  static Optional<String> refusal(Stream<String> maps) {
    Matcher file = maps.map(FILE::matcher).filter(Matcher::matches).findFirst().orElse(null);
    if (file == null) {
      return Optional.of(SONAME + " does not have its version in its file name");
    }
    int major = Integer.parseInt(file.group(1));
    int minor = Integer.parseInt(file.group(2));
    return major == Abi.ISAL_MAJOR_VERSION && minor == Abi.ISAL_MINOR_VERSION
        ? Optional.empty()
        : Optional.of(
            "%s is version %d.%d; Gatun requires %d.%d"
                .formatted(SONAME, major, minor, Abi.ISAL_MAJOR_VERSION, Abi.ISAL_MINOR_VERSION));
  }

  void init(MemorySegment state) {
    call(init, state);
  }

  void reset(MemorySegment state) {
    call(reset, state);
  }

  private static void call(MethodHandle function, MemorySegment state) {
    try {
      function.invokeExact(state);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  int inflate(MemorySegment state) {
    try {
      return (int) inflate.invokeExact(state);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Native method handles throw no checked exceptions. */
  private static RuntimeException unexpected(Throwable failure) {
    if (failure instanceof RuntimeException unchecked) {
      return unchecked;
    }
    throw failure instanceof Error error ? error : new AssertionError(failure);
  }
}
