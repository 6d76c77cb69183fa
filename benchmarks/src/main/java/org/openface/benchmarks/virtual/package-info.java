/** A file system that holds nothing: millions of faces that take no room. */
@NullMarked
package org.openface.benchmarks.virtual;

import org.jspecify.annotations.NullMarked;
