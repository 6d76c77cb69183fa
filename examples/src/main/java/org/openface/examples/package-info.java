/** Programs to run and to copy from. {@link org.openface.examples.TrainFaces} is the one to start with. */
@NullMarked
package org.openface.examples;

import org.jspecify.annotations.NullMarked;
