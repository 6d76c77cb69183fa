/**
 * What the rooms below share: memory, threads and files of models. Neither this package nor those below it are part of the
 * API: they change without notice, and only this project may use them.
 */
@NullMarked
package org.openface.align.internal;

import org.jspecify.annotations.NullMarked;
