/** Face sets of others as a folder with one sub-folder per person. */
@NullMarked
package org.openface.core.imports;

import org.jspecify.annotations.NullMarked;
