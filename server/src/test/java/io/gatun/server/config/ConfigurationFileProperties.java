package io.gatun.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.root.FileProtection;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.slf4j.event.Level;

/** Any configuration can be written and read back. */
final class ConfigurationFileProperties {

  @Property(tries = 500, edgeCases = EdgeCasesMode.NONE)
  void writtenConfigurationIsReadBackAsItWas(@ForAll("configurations") Configuration any) {
    assertThat(
            ConfigurationFile.parse(
                "any.toml", ConfigurationFile.write(any), Configuration.Overrides.NONE))
        .isEqualTo(any);
  }

  /** Arbitraries combine at most eight values, so a configuration has several parts. */
  @Provide
  Arbitrary<Configuration> configurations() {
    record Names(
        Path root,
        Path address,
        DriverSetting driver,
        Transport transport,
        Level level,
        Path containerd,
        Path containerdRoot) {}
    record Peers(Set<Long> uids, Set<Long> gids, List<String> options) {}
    record Numbers(
        int entries,
        int threads,
        int queue,
        int connections,
        int messageBytes,
        int requestMemoryBytes,
        int drain,
        int copies) {}
    record Applies(int threads, int queue) {}
    Arbitrary<Names> names =
        Combinators.combine(
                paths(),
                paths(),
                Arbitraries.of(DriverSetting.values()),
                Arbitraries.of(Transport.values()),
                Arbitraries.of(Level.values()),
                paths(),
                paths())
            .as(Names::new);
    Arbitrary<Peers> peers = Combinators.combine(ids(), ids(), options()).as(Peers::new);
    Arbitrary<Numbers> numbers =
        Combinators.combine(
                Arbitraries.integers().between(100, 10_000_000),
                Arbitraries.integers().between(1, 1024),
                Arbitraries.integers().between(1, 1_000_000),
                Arbitraries.integers().between(1, 1_000_000),
                Arbitraries.integers().between(128 << 10, 16 << 20),
                Arbitraries.integers().between(8 << 20, Integer.MAX_VALUE),
                Arbitraries.integers().between(0, 3600),
                Arbitraries.integers().between(0, 1024))
            .as(Numbers::new);
    Arbitrary<List<Boolean>> flags = Arbitraries.of(true, false).list().ofSize(4);
    Arbitrary<Applies> applies =
        Combinators.combine(
                Arbitraries.integers().between(1, 256),
                Arbitraries.integers().between(1, 1_000_000))
            .as(Applies::new);
    return Combinators.combine(
            names,
            peers,
            numbers,
            flags,
            Arbitraries.of(SyncPolicy.values()),
            Arbitraries.of(LayerSetting.values()),
            applies)
        .as(
            (name, peer, number, flag, sync, layers, apply) ->
                new Configuration(
                    name.root,
                    name.address,
                    name.driver,
                    name.transport,
                    peer.uids,
                    peer.gids,
                    peer.options,
                    flag.get(0),
                    flag.get(1),
                    flag.get(2),
                    flag.get(3),
                    sync,
                    layers,
                    flag.get(0) ? "u:r:t-" + number.queue + ":s0-s1:c0,c2" : "",
                    flag.get(1) ? FileProtection.IMMUTABLE : FileProtection.VERITY,
                    number.entries,
                    number.threads,
                    number.queue,
                    number.connections,
                    number.messageBytes,
                    number.requestMemoryBytes,
                    number.drain,
                    number.copies,
                    name.containerd,
                    name.containerdRoot,
                    apply.threads,
                    apply.queue,
                    flag.get(1),
                    name.level));
  }

  /** Any character that a path can have, including those that TOML escapes. */
  private static Arbitrary<Path> paths() {
    return Arbitraries.strings()
        .withChars("\"\\'\n\t\r\u0001\u001F\u007F\u0085\u2028 #=[]{}.äß日")
        .withCharRange('a', 'z')
        .withCharRange('\u4E00', '\u4E10')
        .ofMinLength(1)
        .ofMaxLength(30)
        .map(name -> Path.of("/" + name.replace("..", "_")).normalize());
  }

  private static Arbitrary<Set<Long>> ids() {
    return Arbitraries.longs().between(0, 0xFFFF_FFFEL).set().ofMaxSize(5);
  }

  private static Arbitrary<List<String>> options() {
    Arbitrary<String> values =
        Arbitraries.strings().withChars("/=\"\\':;*?").withCharRange('a', 'z').ofMaxLength(8);
    Arbitrary<String> names =
        Arbitraries.of("xino", "metacopy", "trusted.x", "context", "redirect_dir", "ro");
    return Combinators.combine(names, values, Arbitraries.of(true, false))
        .as((name, value, hasValue) -> hasValue ? name + "=" + value : name)
        .list()
        .ofMaxSize(4);
  }
}
