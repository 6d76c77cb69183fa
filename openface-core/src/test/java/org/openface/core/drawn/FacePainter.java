package org.openface.core.drawn;

import static org.openface.core.drawn.DrawnPerson.around;
import static org.openface.core.drawn.DrawnPerson.mix;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.LinearGradientPaint;
import java.awt.RadialGradientPaint;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Area;
import java.awt.geom.Ellipse2D;
import java.awt.geom.NoninvertibleTransformException;
import java.awt.geom.Path2D;
import java.awt.geom.Point2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.awt.image.BufferedImage;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AddressedRandom;

/**
 * Draws one picture of a {@link DrawnPerson}. Shapes are painted flat with soft shadows at twice the size; then each
 * pixel is lit as if the head were an ellipsoid, averaged down, blurred a little and given noise.
 */
final class FacePainter {
    private static final int OVERSAMPLING = 2;
    private static final double EYE_Y = -0.13;

    private final DrawnPerson person;
    private final int size;
    private final BufferedImage canvas;
    private final Graphics2D g;

    private final AffineTransform head;
    /** Turning the head to its side and nodding move what lies before the middle of the head: by these, times depth. */
    private final double yaw;

    private final double pitch;

    private final double smile;
    private final double mouthOpen;
    private final double browRaise;
    private final double lids;
    private final double gaze;

    private final double lightX;
    private final double lightY;
    private final double lightShare;
    private final double exposure;
    private final double contrast;
    private final double[] tint;
    private final double blur;
    private final double noise;
    private final AddressedRandom random;

    FacePainter(DrawnPerson person, AddressedRandom random, double disturbance, int size) {
        this.person = person;
        this.size = size;
        this.random = random;
        double d = disturbance;
        canvas = new BufferedImage(size * OVERSAMPLING, size * OVERSAMPLING, BufferedImage.TYPE_INT_RGB);
        g = canvas.createGraphics();
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);

        yaw = around(random, 0, 0.07 * d);
        pitch = around(random, 0, 0.04 * d);
        double scale = 0.28 * canvas.getWidth() * around(random, 1, 0.07 * d);
        head = new AffineTransform();
        head.translate(
                canvas.getWidth() * around(random, 0.5, 0.03 * d), canvas.getHeight() * around(random, 0.5, 0.025 * d));
        head.rotate(around(random, 0, 0.06 * d));
        head.shear(around(random, 0, 0.03 * d), 0);
        head.scale(scale * (1 - 1.2 * yaw * yaw), scale);

        smile = around(random, 0.25, 0.4 * d);
        mouthOpen = Math.max(0, around(random, -0.1, 0.5 * d));
        browRaise = around(random, 0, 0.03 * d);
        lids = Math.max(0.72, Math.min(1.15, around(random, 1, 0.1 * d)));
        gaze = around(random, 0, 0.08 * d);

        lightX = around(random, 0, 0.42 * d);
        lightY = around(random, -0.2, 0.2 * d);
        lightShare = Math.max(0, Math.min(0.8, around(random, 0.4, 0.15 * d)));
        exposure = StrictMath.exp(Math.min(0.3, around(random, -0.05, 0.2 * d)));
        contrast = StrictMath.exp(around(random, 0, 0.12 * d));
        double warmth = around(random, 0, 0.07 * d);
        double green = around(random, 0, 0.025 * d);
        tint = new double[] {1 + warmth, 1 + green, 1 - warmth};
        blur = Math.max(0.1, around(random, 0.6, 0.3 * d));
        noise = Math.max(0, around(random, 4, 2 * d));
    }

    RgbImage paint() {
        try {
            background();
            g.setTransform(head);
            hairBehind();
            shoulders();
            ears();
            Shape face = faceOutline();
            g.setPaint(person.skin);
            g.fill(face);
            g.setClip(face);
            shadeSkin();
            spots();
            beard();
            nose();
            mouth();
            eye(-1);
            eye(1);
            brow(-1);
            brow(1);
            g.setClip(null);
            hairInFront();
            glasses();
        } finally {
            g.dispose();
        }
        return develop();
    }

    private void background() {
        int side = canvas.getWidth();
        Color one = anyColour(0.25, 0.85);
        Color other = mix(one, anyColour(0.2, 0.9), 0.6);
        g.setPaint(new LinearGradientPaint(
                new Point2D.Double(side * random.nextDouble(), 0),
                new Point2D.Double(side * random.nextDouble(), side),
                new float[] {0, 1},
                new Color[] {one, other}));
        g.fillRect(0, 0, side, side);
        for (int i = 0; i < 4; i++) {
            double radius = side * (0.1 + 0.2 * random.nextDouble());
            soft(side * random.nextDouble(), side * random.nextDouble(), radius, radius, anyColour(0.2, 0.9), 0.5);
        }
    }

    private Color anyColour(double darkest, double brightest) {
        float grey = (float) (darkest + (brightest - darkest) * random.nextDouble());
        float[] c = new float[3];
        for (int i = 0; i < 3; i++) {
            c[i] = (float) Math.max(0, Math.min(1, grey + around(random, 0, 0.09)));
        }
        return new Color(c[0], c[1], c[2]);
    }

    private void hairBehind() {
        g.setPaint(shade(person.hairColour, 0.75));
        switch (person.hair) {
            case LONG -> g.fill(
                    new RoundRectangle2D.Double(-1.16 * person.width, -1.42, 2.32 * person.width, 2.9, 1.6, 1.6));
            case FRINGE -> g.fill(
                    new RoundRectangle2D.Double(-1.1 * person.width, -1.4, 2.2 * person.width, 1.9, 1.5, 1.5));
            case SHORT, PARTED -> g.fill(new Ellipse2D.Double(-1.04 * person.width, -1.4, 2.08 * person.width, 1.9));
            case NONE -> {}
        }
    }

    private void shoulders() {
        g.setPaint(shade(person.skin, 0.72));
        g.fill(new Rectangle2D.Double(-0.5, 0.7, 1, 1.3));
        g.setPaint(anyColour(0.15, 0.8));
        Path2D clothes = new Path2D.Double();
        clothes.moveTo(-2.6, 4);
        clothes.curveTo(-2.4, 1.9, -1.2, 1.8, -0.55, 1.6);
        clothes.quadTo(0, 2.1, 0.55, 1.6);
        clothes.curveTo(1.2, 1.8, 2.4, 1.9, 2.6, 4);
        clothes.closePath();
        g.fill(clothes);
    }

    private void ears() {
        for (int side = -1; side <= 1; side += 2) {
            double x = side * person.width * 0.98 - 0.5 * yaw;
            g.setPaint(shade(person.skin, 0.88));
            g.fill(new Ellipse2D.Double(x - 0.13, -0.28 + pitch, 0.26, 0.55));
            soft(x, 0 + pitch, 0.08, 0.18, shade(person.skin, 0.6), 0.6);
        }
    }

    private Shape faceOutline() {
        double w = person.width;
        double jaw = person.jaw * w;
        double chin = person.chin;
        Path2D path = new Path2D.Double();
        path.moveTo(0, -1.3);
        path.curveTo(0.62 * w, -1.3, w, -0.85, w, -0.25);
        path.curveTo(w, 0.25, 0.97 * w, 0.5, jaw, 0.86);
        path.curveTo(0.75 * jaw, 1.15, 0.35 * jaw, chin, 0, chin);
        path.curveTo(-0.35 * jaw, chin, -0.75 * jaw, 1.15, -jaw, 0.86);
        path.curveTo(-0.97 * w, 0.5, -w, 0.25, -w, -0.25);
        path.curveTo(-w, -0.85, -0.62 * w, -1.3, 0, -1.3);
        path.closePath();
        return path;
    }

    private void shadeSkin() {
        Color dark = shade(person.skin, 0.62);
        Color bright = mix(person.skin, Color.WHITE, 0.35);
        double x = 0.35 * yaw * 3;
        soft(x, -0.75 + pitch, 0.75, 0.45, bright, 0.45);
        for (int side = -1; side <= 1; side += 2) {
            // Sockets, cheekbones, hollows and the sides of the head.
            soft(side * person.eyeX + yaw, EYE_Y - 0.03 + pitch, 0.38, 0.3, dark, 0.6);
            soft(side * (person.eyeX + 0.06) + yaw, 0.3 + pitch, 0.34, 0.24, bright, 0.5);
            soft(side * (person.eyeX + 0.06) + yaw, 0.36 + pitch, 0.3, 0.2, new Color(0xc8584a), 0.28 * person.flush);
            soft(side * 0.95 * person.width, 0.2, 0.3, 1.1, dark, 0.55);
            soft(side * 0.62, 0.72, 0.24, 0.35, dark, 0.25);
        }
        soft(0, person.chin + 0.02, 0.75, 0.22, dark, 0.6);
        soft(yaw, person.chin - 0.2, 0.2, 0.13, bright, 0.4);
    }

    private void spots() {
        g.setPaint(withAlpha(shade(mix(person.skin, new Color(0x5a2f1a), 0.55), 0.9), 0.75));
        for (double[] spot : person.spots) {
            double r = spot[2];
            g.fill(new Ellipse2D.Double(spot[0] + 1.2 * yaw - r, spot[1] + pitch - r, 2 * r, 2 * r));
        }
    }

    private void beard() {
        Color hair = shade(mix(person.hairColour, person.skin, 0.15), 0.9);
        double y = person.mouthY + pitch;
        double x = 1.1 * yaw;
        switch (person.beard) {
            case NONE -> {}
            case STUBBLE -> {
                soft(x, y + 0.18, 0.8, 0.55, hair, 0.4);
                soft(x, y + 0.1, 0.6, 0.4, hair, 0.25);
            }
            case MOUSTACHE -> moustache(hair, x, y);
            case GOATEE -> {
                moustache(hair, x, y);
                soft(x, y + 0.4, 0.3, 0.3, hair, 0.95);
                soft(x, y + 0.42, 0.22, 0.26, hair, 0.9);
            }
            case FULL -> {
                Path2D path = new Path2D.Double();
                double w = person.width;
                path.moveTo(-w, 0.15);
                path.curveTo(-0.8 * w, 0.6, -0.55, y - 0.22, x - 0.2, y - 0.16);
                path.lineTo(x + 0.2, y - 0.16);
                path.curveTo(0.55, y - 0.22, 0.8 * w, 0.6, w, 0.15);
                path.lineTo(w, 1.6);
                path.lineTo(-w, 1.6);
                path.closePath();
                g.setPaint(withAlpha(mix(hair, person.skin, 0.2), 0.55));
                g.fill(path);
                soft(x, y + 0.3, 0.6, 0.5, hair, 0.6);
            }
        }
    }

    private void moustache(Color hair, double x, double y) {
        Path2D path = new Path2D.Double();
        double w = person.mouthWidth + 0.04;
        path.moveTo(x, y - 0.17);
        path.curveTo(x + 0.5 * w, y - 0.2, x + w, y - 0.08, x + w + 0.03, y + 0.03);
        path.quadTo(x + 0.5 * w, y - 0.07, x, y - 0.06);
        path.quadTo(x - 0.5 * w, y - 0.07, x - w - 0.03, y + 0.03);
        path.curveTo(x - w, y - 0.08, x - 0.5 * w, y - 0.2, x, y - 0.17);
        path.closePath();
        g.setPaint(withAlpha(hair, 0.92));
        g.fill(path);
    }

    private void nose() {
        Color dark = shade(person.skin, 0.55);
        Color bright = mix(person.skin, Color.WHITE, 0.5);
        double top = EYE_Y + pitch;
        double tip = EYE_Y + person.noseLength + 1.4 * pitch;
        double x = yaw;
        double tipX = 2.0 * yaw;
        double middle = (top + tip) / 2;
        double half = (tip - top) / 2;
        // The side away from the light lies in shadow.
        double shadowSide = lightX > 0 ? -1 : 1;
        double strength = 0.25 + 0.3 * Math.min(1, Math.abs(lightX));
        soft((x + tipX) / 2 + shadowSide * (person.noseBridge + 0.07), middle, 0.09, half * 1.05, dark, strength);
        soft((x + tipX) / 2 - shadowSide * (person.noseBridge + 0.08), middle, 0.07, half * 0.95, dark, 0.15);
        soft((x + tipX) / 2, middle, person.noseBridge, half * 1.1, bright, 0.55);
        soft(tipX, tip + 0.09, person.noseWidth * 1.25, 0.09, dark, 0.6);
        soft(tipX, tip - 0.02, person.noseWidth * 0.62, 0.12, bright, 0.6);
        for (int side = -1; side <= 1; side += 2) {
            soft(tipX + side * person.noseWidth, tip + 0.01, 0.07, 0.1, dark, 0.5);
            soft(tipX + side * person.noseWidth * 0.5, tip + 0.07, 0.065, 0.04, shade(person.skin, 0.22), 0.95);
            if (person.folds > 0.5) {
                stroke(
                        withAlpha(dark, 0.5 * person.folds),
                        0.03,
                        tipX + side * (person.noseWidth + 0.05),
                        tip + 0.02,
                        x + side * (person.noseWidth + 0.22),
                        tip + 0.12,
                        x + side * (person.mouthWidth + 0.1),
                        person.mouthY + pitch);
            }
        }
    }

    private void mouth() {
        double x = 1.3 * yaw;
        double y = person.mouthY + 1.2 * pitch;
        double w = person.mouthWidth * (1 + 0.16 * smile);
        double corner = y - 0.1 * smile;
        double open = 0.16 * mouthOpen;
        double bow = y - person.upperLip;
        Path2D upper = new Path2D.Double();
        upper.moveTo(x - w, corner);
        upper.curveTo(x - 0.5 * w, bow - 0.02, x - 0.2 * w, bow - 0.04, x, bow);
        upper.curveTo(x + 0.2 * w, bow - 0.04, x + 0.5 * w, bow - 0.02, x + w, corner);
        upper.quadTo(x, y + 0.07 * smile, x - w, corner);
        upper.closePath();
        Path2D lower = new Path2D.Double();
        double bottom = y + open + 0.03 * smile;
        lower.moveTo(x - w, corner);
        lower.quadTo(x, bottom + 0.05 * smile + open, x + w, corner);
        lower.curveTo(
                x + 0.5 * w,
                bottom + 1.4 * person.lowerLip,
                x - 0.5 * w,
                bottom + 1.4 * person.lowerLip,
                x - w,
                corner);
        lower.closePath();
        if (open > 0.02) {
            Path2D inside = new Path2D.Double();
            inside.moveTo(x - w, corner);
            inside.quadTo(x, y - 0.02, x + w, corner);
            inside.quadTo(x, bottom + 0.1 + open, x - w, corner);
            inside.closePath();
            g.setPaint(new Color(0x3a1514));
            g.fill(inside);
            Area teeth = new Area(inside);
            teeth.intersect(new Area(new Rectangle2D.Double(x - 0.8 * w, y - 0.2, 1.6 * w, 0.2 + 0.55 * open + 0.03)));
            g.setPaint(new Color(0xe6e0d4));
            g.fill(teeth);
        }
        g.setPaint(shade(person.lips, 0.85));
        g.fill(upper);
        g.setPaint(person.lips);
        g.fill(lower);
        soft(x, bottom + 0.75 * person.lowerLip, 0.5 * w, 0.4 * person.lowerLip, Color.WHITE, 0.18);
        if (open <= 0.02) {
            stroke(
                    withAlpha(shade(person.lips, 0.4), 0.85),
                    0.025,
                    x - w,
                    corner,
                    x,
                    y + 0.06 * smile + 0.01,
                    x + w,
                    corner);
        }
        soft(x, bottom + 1.5 * person.lowerLip + 0.06, 0.6 * w, 0.06, shade(person.skin, 0.55), 0.45);
    }

    private void eye(int side) {
        double x = side * person.eyeX + 1.1 * yaw;
        double y = EYE_Y + pitch;
        double w = person.eyeWidth;
        double h = w * person.eyeOpen * lids * (1 - 0.12 * Math.max(0, smile));
        AffineTransform before = g.getTransform();
        Shape clip = g.getClip();
        g.translate(x, y);
        // Mirrored for the other side, so that the outer corner is always at positive x.
        g.scale(side, 1);
        g.rotate(person.eyeTilt);
        Path2D almond = new Path2D.Double();
        almond.moveTo(-w, 0.25 * h);
        almond.curveTo(-0.55 * w, -1.25 * h, 0.5 * w, -1.35 * h, w, -0.1 * h);
        almond.curveTo(0.55 * w, 1.1 * h, -0.4 * w, 1.2 * h, -w, 0.25 * h);
        almond.closePath();
        soft(0, 0.2 * h, 1.25 * w, 1.9 * h, shade(person.skin, 0.5), 0.55);
        g.setPaint(new Color(0xe9e4de));
        g.fill(almond);
        g.clip(almond);
        double r = person.irisSize * w;
        double look = side * gaze * w + side * yaw * 0.3;
        g.setPaint(new RadialGradientPaint(
                new Point2D.Double(look, -0.05 * h), (float) r, new float[] {0, 0.75f, 1}, new Color[] {
                    mix(person.iris, Color.WHITE, 0.15), person.iris, shade(person.iris, 0.35)
                }));
        g.fill(new Ellipse2D.Double(look - r, -0.05 * h - r, 2 * r, 2 * r));
        g.setPaint(new Color(0x0d0a09));
        g.fill(new Ellipse2D.Double(look - 0.45 * r, -0.05 * h - 0.45 * r, 0.9 * r, 0.9 * r));
        g.setPaint(withAlpha(Color.WHITE, 0.85));
        double glint = side * lightX * 0.3 * r;
        g.fill(new Ellipse2D.Double(look + glint - 0.18 * r, -0.45 * r - 0.05 * h, 0.32 * r, 0.32 * r));
        soft(0, -1.0 * h, 1.1 * w, 0.55 * h, shade(person.skin, 0.25), 0.6);
        g.setTransform(before);
        g.setClip(clip);
        g.translate(x, y);
        g.scale(side, 1);
        g.rotate(person.eyeTilt);
        Color lash = mix(new Color(0x1c1410), person.skin, 0.1);
        Path2D upper = new Path2D.Double();
        upper.moveTo(-w, 0.25 * h);
        upper.curveTo(-0.55 * w, -1.25 * h, 0.5 * w, -1.35 * h, 1.05 * w, -0.15 * h);
        g.setPaint(lash);
        g.setStroke(new BasicStroke(0.04f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        g.draw(upper);
        stroke(withAlpha(shade(person.skin, 0.5), 0.6), 0.022, -w, 0.3 * h, 0, 1.6 * h, w, -0.05 * h);
        stroke(
                withAlpha(shade(person.skin, 0.5), 0.7),
                0.025,
                -0.9 * w,
                -0.6 * h - 0.03,
                0.05 * w,
                -2.1 * h - 0.02,
                1.05 * w,
                -0.65 * h - 0.03);
        g.setTransform(before);
    }

    private void brow(int side) {
        double x = side * person.eyeX + 1.1 * yaw;
        double y = EYE_Y - person.browLift - browRaise + pitch;
        double w = person.eyeWidth * 1.3;
        double t = Math.max(0.02, person.browThickness);
        AffineTransform before = g.getTransform();
        g.translate(x, y);
        g.scale(side, 1);
        g.rotate(person.browTilt);
        Path2D path = new Path2D.Double();
        double arch = 2 * person.browArch;
        path.moveTo(-w, 0.5 * t);
        path.quadTo(0.1 * w, -arch - 0.6 * t, 1.1 * w, 0.3 * t);
        path.quadTo(0.1 * w, -arch + 1.1 * t, -w, 1.4 * t);
        path.closePath();
        Color colour = mix(shade(person.hairColour, 0.75), person.skin, 0.12);
        g.setPaint(withAlpha(colour, 0.9));
        g.fill(path);
        g.setPaint(withAlpha(colour, 0.35));
        g.setStroke(new BasicStroke(0.05f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        g.draw(path);
        g.setTransform(before);
    }

    private void hairInFront() {
        double w = person.width;
        double line = person.hairline;
        Path2D path = new Path2D.Double();
        switch (person.hair) {
            case NONE -> {
                return;
            }
            case SHORT -> {
                path.moveTo(-1.02 * w, -0.3);
                path.curveTo(-0.9 * w, line, -0.5 * w, line - 0.05, 0, line - 0.08);
                path.curveTo(0.5 * w, line - 0.05, 0.9 * w, line, 1.02 * w, -0.3);
            }
            case PARTED -> {
                path.moveTo(-1.04 * w, -0.1);
                path.curveTo(-0.95 * w, line + 0.1, -0.7 * w, line - 0.15, -0.35 * w, line - 0.3);
                path.curveTo(0.3 * w, line - 0.05, 0.85 * w, line + 0.05, 1.04 * w, -0.1);
            }
            case FRINGE -> {
                path.moveTo(-1.08 * w, 0.35);
                path.curveTo(-0.9 * w, -0.3, -0.85 * w, -0.52, -0.6 * w, -0.55);
                path.quadTo(0, -0.62, 0.6 * w, -0.55);
                path.curveTo(0.85 * w, -0.52, 0.9 * w, -0.3, 1.08 * w, 0.35);
            }
            case LONG -> {
                path.moveTo(-1.1 * w, 0.9);
                path.curveTo(-0.9 * w, 0.3, -0.95 * w, line + 0.1, -0.1 * w, line - 0.25);
                path.curveTo(0.95 * w, line + 0.1, 0.9 * w, 0.3, 1.1 * w, 0.9);
            }
        }
        path.lineTo(1.14 * w, -0.6);
        path.curveTo(1.05 * w, -1.6, -1.05 * w, -1.6, -1.14 * w, -0.6);
        path.closePath();
        soft(0, line + 0.05, 0.8 * w, 0.22, shade(person.skin, 0.5), 0.4);
        g.setPaint(new LinearGradientPaint(
                new Point2D.Double(0, -1.4), new Point2D.Double(0, 0.2), new float[] {0, 0.35f, 1}, new Color[] {
                    person.hairColour, mix(person.hairColour, Color.WHITE, 0.16), shade(person.hairColour, 0.8)
                }));
        g.fill(path);
    }

    private void glasses() {
        if (person.glasses == DrawnPerson.Glasses.NONE) {
            return;
        }
        double y = EYE_Y + 0.07 + pitch;
        double w = person.eyeX * 0.82;
        double h = person.glasses == DrawnPerson.Glasses.ROUND ? w * 0.95 : w * 0.78;
        g.setStroke(new BasicStroke(0.024f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        for (int side = -1; side <= 1; side += 2) {
            double x = side * (person.eyeX + 0.01) + 1.4 * yaw;
            Shape lens = person.glasses == DrawnPerson.Glasses.ROUND
                    ? new Ellipse2D.Double(x - w, y - h, 2 * w, 2 * h)
                    : new RoundRectangle2D.Double(x - w, y - h, 2 * w, 2 * h, 0.2, 0.2);
            g.setPaint(withAlpha(Color.WHITE, 0.06));
            g.fill(lens);
            g.setPaint(withAlpha(person.frame, 0.65));
            g.draw(lens);
            double hinge = side * (person.eyeX + w) + 1.4 * yaw;
            stroke(
                    withAlpha(person.frame, 0.65),
                    0.035,
                    hinge,
                    y - 0.05,
                    hinge,
                    y - 0.06,
                    side * person.width,
                    y - 0.08);
        }
        double gap = person.eyeX - w;
        stroke(withAlpha(person.frame, 0.65), 0.024, 1.5 * yaw - gap, y, 1.6 * yaw, y - 0.08, 1.5 * yaw + gap, y);
    }

    /** Lights every pixel, averages down to the final size, blurs and adds noise. */
    private RgbImage develop() {
        int side = canvas.getWidth();
        int[] drawn = canvas.getRGB(0, 0, side, side, null, 0, side);
        AffineTransform toHead = inverse(head);
        float[][] planes = new float[3][size * size];
        Point2D.Double point = new Point2D.Double();
        double share = 1.0 / (OVERSAMPLING * OVERSAMPLING);
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                point.setLocation(x + 0.5, y + 0.5);
                toHead.transform(point, point);
                double light = exposure * light(point.x, point.y);
                int pixel = drawn[y * side + x];
                int target = y / OVERSAMPLING * size + x / OVERSAMPLING;
                for (int c = 0; c < 3; c++) {
                    double value = (pixel >> (16 - 8 * c) & 0xff) * light * tint[c];
                    planes[c][target] += (float) (share * (128 + contrast * (value - 128)));
                }
            }
        }
        byte[] out = new byte[3 * size * size];
        for (int c = 0; c < 3; c++) {
            float[] plane = blurred(blurred(planes[c], 1, size), size, 1);
            for (int i = 0; i < plane.length; i++) {
                double value = plane[i] + noise * 1.7 * (random.nextDouble() + random.nextDouble() - 1);
                out[3 * i + c] = (byte) Math.round(Math.max(0, Math.min(255, value)));
            }
        }
        return RgbImage.of(size, size, out);
    }

    /** Lambert's law on an ellipsoid, mixed with light from everywhere; about 1 on average. */
    private double light(double x, double y) {
        double u = x / (1.14 * person.width);
        double v = y / 1.48;
        double squared = Math.min(1, u * u + v * v);
        double z = Math.sqrt(1 - squared) * 0.9 + 0.1;
        double length = Math.sqrt(lightX * lightX + lightY * lightY + 1);
        double lambert = Math.max(0, (u * lightX + v * lightY + z) / length);
        double inside = squared < 1 ? 1 - squared * squared * squared : 0;
        return (1 - inside) + inside * (1 - lightShare + lightShare * 1.25 * lambert);
    }

    private float[] blurred(float[] plane, int step, int stride) {
        // Binomial-like weights of three pixels: a small blur is all that a focused photograph has.
        float w = (float) Math.min(0.33, blur * 0.33);
        float[] result = new float[plane.length];
        for (int line = 0; line < size; line++) {
            for (int i = 0; i < size; i++) {
                int at = line * stride + i * step;
                float before = plane[line * stride + Math.max(0, i - 1) * step];
                float after = plane[line * stride + Math.min(size - 1, i + 1) * step];
                result[at] = (1 - 2 * w) * plane[at] + w * (before + after);
            }
        }
        return result;
    }

    private static AffineTransform inverse(AffineTransform transform) {
        try {
            return transform.createInverse();
        } catch (NoninvertibleTransformException e) {
            throw new IllegalStateException("the head has no size", e);
        }
    }

    /** An ellipse that fades out to its rim. */
    private void soft(double x, double y, double halfWidth, double halfHeight, Color colour, double alpha) {
        AffineTransform before = g.getTransform();
        g.translate(x, y);
        g.scale(halfWidth, halfHeight);
        g.setPaint(new RadialGradientPaint(new Point2D.Double(0, 0), 1, new float[] {0, 0.35f, 0.7f, 1}, new Color[] {
            withAlpha(colour, alpha),
            withAlpha(colour, 0.8 * alpha),
            withAlpha(colour, 0.25 * alpha),
            withAlpha(colour, 0)
        }));
        g.fill(new Ellipse2D.Double(-1, -1, 2, 2));
        g.setTransform(before);
    }

    private void stroke(
            Color colour, double width, double x1, double y1, double bendX, double bendY, double x2, double y2) {
        Path2D path = new Path2D.Double();
        path.moveTo(x1, y1);
        path.quadTo(bendX, bendY, x2, y2);
        g.setPaint(colour);
        g.setStroke(new BasicStroke((float) width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        g.draw(path);
    }

    private static Color shade(Color colour, double factor) {
        return mix(Color.BLACK, colour, factor);
    }

    private static Color withAlpha(Color colour, double alpha) {
        return new Color(
                colour.getRed(), colour.getGreen(), colour.getBlue(), (int) Math.round(255 * Math.min(1, alpha)));
    }
}
