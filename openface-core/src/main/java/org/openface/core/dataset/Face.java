package org.openface.core.dataset;

import java.nio.file.Path;

/**
 * One image of one person.
 *
 * @param identity name of the person: the name of the folder the image lies in
 * @param file the image
 */
public record Face(String identity, Path file) {
    /** Name of the file, right also in a Java runtime whose locale cannot decode it. */
    public String fileName() {
        return FaceDataset.name(file);
    }
}
