package org.openface.align;

/**
 * What decides how a face comes out: aligners with equal methods give equal faces.
 *
 * @param detector such as {@code haar}, {@code yunet sha256:1f2e...} or {@code custom mine}
 * @param landmarks {@code detector} if the detector's own are used, or such as {@code dlib sha256:1f2e...}, {@code custom
 *     mine}
 * @param landmarkSet which points are brought to the template
 * @param size side of the aligned face in pixels
 * @param template name of the template
 */
record AlignmentMethod(String detector, String landmarks, LandmarkSet landmarkSet, int size, String template) {
    /** OpenFace's {@code MINMAX_TEMPLATE}. */
    static final String OPENFACE_TEMPLATE = "openface-minmax";
}
