/**
 * What a person looks at during and after a training: {@link org.openface.triplet.report.TrainingReport} makes it from the files
 * of a work directory.
 */
@NullMarked
package org.openface.triplet.report;

import org.jspecify.annotations.NullMarked;
