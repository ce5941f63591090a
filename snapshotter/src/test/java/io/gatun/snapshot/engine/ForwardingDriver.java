package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Forwards all calls to another driver. Subclasses change a few of them. */
public class ForwardingDriver implements Driver {

  private final Driver driver;

  public ForwardingDriver(Driver driver) {
    this.driver = driver;
  }

  @Override
  public DriverName name() {
    return driver.name();
  }

  @Override
  public void create(Fd directory, Chain chain) throws ErrnoException {
    driver.create(directory, chain);
  }

  @Override
  public boolean isBlank(Chain chain) throws ErrnoException {
    return driver.isBlank(chain);
  }

  @Override
  public boolean isUnsynced(long id) throws ErrnoException {
    return driver.isUnsynced(id);
  }

  @Override
  public void flush(long id) throws ErrnoException {
    driver.flush(id);
  }

  @Override
  public List<Mount> mounts(Chain chain) throws ErrnoException {
    return driver.mounts(chain);
  }

  @Override
  public boolean mountsNeedNoIo(Chain chain) {
    return driver.mountsNeedNoIo(chain);
  }

  @Override
  public Optional<String> obstacleToRebase(Chain chain) {
    return driver.obstacleToRebase(chain);
  }

  @Override
  public boolean seal(Chain chain, boolean mayHaveMarks) throws ErrnoException {
    return driver.seal(chain, mayHaveMarks);
  }

  @Override
  public boolean isPristine(Chain chain, Optional<Timespec> createdAt) throws ErrnoException {
    return driver.isPristine(chain, createdAt);
  }

  @Override
  public Timespec createdAt(long id) throws ErrnoException {
    return driver.createdAt(id);
  }

  @Override
  public LayerTarget target(Chain chain) {
    return driver.target(chain);
  }

  @Override
  public Optional<DeletionForm> deletionsOverOthers() {
    return driver.deletionsOverOthers();
  }

  @Override
  public List<Timespec> changeTimes(Chain chain) throws ErrnoException {
    return driver.changeTimes(chain);
  }

  @Override
  public boolean isEmpty(Chain chain) throws ErrnoException {
    return driver.isEmpty(chain);
  }

  @Override
  public Usage usage(Chain chain) throws ErrnoException {
    return driver.usage(chain);
  }

  @Override
  public Map<String, String> labels(long id) {
    return driver.labels(id);
  }
}
