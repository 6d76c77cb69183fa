package org.openface.benchmarks.virtual;

import com.google.common.base.Splitter;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** An absolute path of a {@link VirtualFaces}: its names below the root. */
final class VirtualPath implements Path {
    private final FileSystem system;
    private final List<String> names;

    VirtualPath(FileSystem system, List<String> names) {
        this.system = system;
        this.names = names;
    }

    String name(int i) {
        return names.get(i);
    }

    @Override
    public FileSystem getFileSystem() {
        return system;
    }

    @Override
    public boolean isAbsolute() {
        return true;
    }

    @Override
    public Path getRoot() {
        return new VirtualPath(system, List.of());
    }

    @Override
    public @Nullable Path getFileName() {
        return names.isEmpty() ? null : new VirtualPath(system, names.subList(names.size() - 1, names.size()));
    }

    @Override
    public @Nullable Path getParent() {
        return names.isEmpty() ? null : new VirtualPath(system, names.subList(0, names.size() - 1));
    }

    @Override
    public int getNameCount() {
        return names.size();
    }

    @Override
    public Path getName(int index) {
        return new VirtualPath(system, List.of(names.get(index)));
    }

    @Override
    public Path subpath(int from, int to) {
        return new VirtualPath(system, names.subList(from, to));
    }

    @Override
    public boolean startsWith(Path other) {
        return other instanceof VirtualPath o
                && o.names.size() <= names.size()
                && names.subList(0, o.names.size()).equals(o.names);
    }

    @Override
    public boolean endsWith(Path other) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Path normalize() {
        return this;
    }

    @Override
    public Path resolve(Path other) {
        return other;
    }

    @Override
    public Path resolve(String other) {
        List<String> all = new ArrayList<>(names);
        Splitter.on('/').omitEmptyStrings().split(other).forEach(all::add);
        return new VirtualPath(system, all);
    }

    @Override
    public Path relativize(Path other) {
        throw new UnsupportedOperationException();
    }

    @Override
    public URI toUri() {
        return URI.create("virtual:/" + this);
    }

    @Override
    public Path toAbsolutePath() {
        return this;
    }

    @Override
    public Path toRealPath(LinkOption... options) {
        return this;
    }

    @Override
    public WatchKey register(WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int compareTo(Path other) {
        return toString().compareTo(other.toString());
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof VirtualPath o && names.equals(o.names);
    }

    @Override
    public int hashCode() {
        return Objects.hash(names);
    }

    @Override
    public String toString() {
        return String.join("/", names);
    }
}
