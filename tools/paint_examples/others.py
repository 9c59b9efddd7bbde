"""Pictures of two animals, and of something that is none of the classes."""

import numpy as np

from tools.paint_examples.canvas import WIDTH, Canvas, Points, below, blob, ellipse, everything, polygon, soft, stroke


def frog() -> Canvas:
    """A green frog on a leaf."""
    c = Canvas(5)
    c.paint(everything(), "#24402b", "#15261a")
    c.shade(np.clip(c.noise(6, 5, 3) * 2 - 1.0, 0, 1), -0.22)
    leaf = blob([(-20, 190), (60, 158), (180, 150), (300, 166), (350, 200), (320, 260), (100, 275), (-20, 250)])
    c.paint(leaf, "#5f9a3c", "#2f6a2a", relief=6, grain=40)
    for y in (176, 196, 220):
        c.shade(stroke([(160, 210), (220, y), (320, y - 14)], 1.2) * leaf, -0.2)
        c.shade(stroke([(160, 210), (100, y), (0, y - 10)], 1.2) * leaf, -0.2)
    c.shade(soft(ellipse(160, 206, 112, 16), 5), 0.6)
    for side in (-1, 1):
        c.paint(
            blob(_aside(side, [(52, 150), (82, 136), (104, 152), (108, 182), (92, 200), (60, 202), (44, 180)])),
            "#79b83a",
            "#3f7a22",
            relief=9,
            grain=45,
        )
        for toe in ((128, 204), (118, 211), (104, 214)):
            c.paint(stroke(_aside(side, [(80, 198), (100, 203), toe]), 6), "#6aa834", "#437f25", relief=2)
            c.paint(ellipse(160 + side * toe[0], toe[1], 5, 4), "#83bd45", relief=2)
    body = blob(
        [
            (160, 100),
            (208, 112),
            (228, 150),
            (222, 188),
            (196, 208),
            (160, 212),
            (124, 208),
            (98, 188),
            (92, 150),
            (112, 112),
        ]
    )
    c.paint(body, "#86c63f", "#5b962c", relief=14, grain=45)
    c.paint(
        blob([(160, 146), (200, 150), (206, 182), (188, 204), (160, 208), (132, 204), (114, 182), (120, 150)]),
        "#dfe6a6",
        "#c3cf86",
        relief=10,
        strength=30,
        grain=20,
    )
    for side in (-1, 1):
        c.paint(stroke(_aside(side, [(46, 160), (54, 186), (44, 208)]), 17), "#79b83a", "#56902a", relief=5, grain=30)
        for toe in ((66, 218), (50, 222), (34, 219)):
            c.paint(stroke(_aside(side, [(45, 207), toe]), 6), "#6aa834", relief=2)
            c.paint(ellipse(160 + side * toe[0], toe[1], 5, 4), "#8ac54b", relief=2)
    head = blob(
        [
            (160, 72),
            (196, 74),
            (222, 92),
            (232, 116),
            (214, 138),
            (160, 148),
            (106, 138),
            (88, 116),
            (98, 92),
            (124, 74),
        ]
    )
    c.paint(head, "#97d348", "#6caa33", relief=12, grain=40)
    c.paint(
        blob([(96, 122), (160, 134), (224, 122), (210, 140), (160, 150), (110, 140)]),
        "#d5e29b",
        "#c4d285",
        relief=5,
        strength=25,
    )
    c.shade(stroke([(92, 116), (120, 128), (160, 132), (200, 128), (228, 116)], 2), 0.65)
    for side in (-1, 1):
        x = 160 + side * 42
        c.paint(ellipse(x, 72, 23, 22), "#9ad74c", "#6caa33", relief=7, grain=20)
        c.paint(ellipse(x + side * 2, 70, 16, 15.5), "#e9b93a", "#b97a1c", relief=3)
        c.paint(ellipse(x + side * 2, 70, 11, 6), "#0d0f0b")
        c.paint(ellipse(x - 3, 64, 3.2, 2.6), "#ffffff")
        c.shade(ellipse(160 + side * 9, 98, 2, 1.4), 0.7)
    return c


def bird() -> Canvas:
    """A robin on a twig."""
    c = Canvas(7)
    c.paint(everything(), "#9fb98f", "#c9d3b1")
    c.shade(np.clip(c.noise(4, 3, 2) * 2 - 1.1, 0, 1), 0.25)
    c.shade(np.clip(c.noise(5, 4, 2) * 2 - 1.2, 0, 1), -0.35)
    c.paint(stroke([(-10, 206), (90, 196), (200, 192), (330, 176)], 11), "#7a5f45", "#4b3828", relief=3, grain=70)
    c.paint(stroke([(224, 190), (262, 164), (286, 150)], 5), "#6e543c", "#4b3828", relief=2, grain=40)
    c.paint(blob([(280, 152), (296, 138), (312, 140), (302, 154)]), "#7fa64a", "#4f7a30", relief=3)
    c.paint(
        blob([(214, 140), (262, 160), (300, 182), (294, 190), (258, 182), (210, 168)]),
        "#6b5a45",
        "#4d4030",
        relief=4,
        grain=40,
    )
    for x in (150, 176):
        c.paint(stroke([(x, 176), (x - 3, 193)], 3), "#5a4030")
        c.paint(stroke([(x - 12, 197), (x - 3, 193), (x + 6, 197)], 3), "#5a4030")
    body = blob(
        [
            (118, 62),
            (146, 56),
            (166, 74),
            (186, 98),
            (222, 130),
            (230, 156),
            (206, 176),
            (164, 184),
            (128, 170),
            (108, 138),
            (102, 100),
            (104, 76),
        ]
    )
    c.paint(body, "#8a7558", "#e6dcc6", relief=12, grain=45)
    breast = blob(
        [(108, 70), (122, 66), (132, 84), (142, 112), (146, 142), (128, 152), (110, 136), (103, 104), (102, 82)]
    )
    c.paint(soft(breast, 2.5), "#e2702a", "#d9652a", relief=9, strength=35, grain=45)
    c.paint(
        blob([(158, 98), (188, 106), (226, 140), (248, 166), (212, 164), (172, 152), (152, 124)]),
        "#76634b",
        "#594a37",
        relief=5,
        grain=50,
    )
    for shift in range(4):
        c.shade(stroke([(166 + 8 * shift, 122 + 9 * shift), (200 + 8 * shift, 146 + 5 * shift), (238, 164)], 1.3), 0.35)
    c.paint(polygon([(108, 80), (84, 86), (108, 91)]), "#4c4238", "#2d2721", relief=1.5)
    c.paint(ellipse(124, 78, 6, 6), "#15110d")
    c.paint(ellipse(122, 76, 1.8, 1.6), "#ffffff")
    return c


def teapot() -> Canvas:
    """A teapot: none of the classes."""
    c = Canvas(8)
    c.paint(everything(), "#d9cdbb", "#efe6d8")
    c.shade(soft(polygon([(0, 0), (120, 0), (40, 180), (0, 180)]), 16), -0.4)
    c.paint(below(172), "#a57a52", "#7f5a3a", grain=45)
    for y in (186, 208, 230):
        c.shade(stroke([(0, y), (320, y + 2)], 1), 0.25)
    c.shade(soft(ellipse(166, 206, 104, 14), 5), 0.6)
    handle = stroke([(222, 108), (262, 100), (278, 128), (258, 160), (218, 172)], 13)
    c.paint(handle, "#3f86a8", "#235a78", relief=4)
    c.paint(
        blob([(100, 168), (66, 146), (50, 112), (34, 96), (50, 90), (72, 106), (92, 128), (116, 136)]),
        "#3f86a8",
        "#2a6685",
        relief=6,
    )
    body = blob(
        [
            (160, 80),
            (202, 88),
            (232, 118),
            (238, 154),
            (222, 188),
            (196, 204),
            (124, 204),
            (98, 188),
            (82, 154),
            (88, 118),
            (118, 88),
        ]
    )
    c.paint(body, "#58a3c4", "#23597a", relief=17, strength=75)
    c.paint(blob([(110, 116), (128, 100), (140, 102), (120, 126), (108, 150), (102, 140)]), "#ffffff", opacity=0.35)
    c.paint(ellipse(160, 88, 46, 9), "#2a6685", "#3f86a8")
    c.paint(blob([(118, 86), (132, 70), (160, 64), (188, 70), (202, 86), (160, 93)]), "#58a3c4", "#357897", relief=6)
    c.paint(ellipse(160, 59, 11, 9), "#7fc0da", "#357897", relief=4)
    for x in range(96, 230, 22):
        c.paint(ellipse(x, 150, 5, 5), "#f4ead6", opacity=0.85)
    for step in range(3):
        c.shade(soft(stroke([(40, 84), (32 + 6 * step, 64), (44 - 4 * step, 44), (34 + 8 * step, 20)], 5), 3), -0.28)
    return c


def _aside(side: int, points: Points) -> Points:
    """Points beside the middle of the picture, given by their distance from it: right for 1, left for -1."""
    return [(WIDTH / 2 + side * x, y) for x, y in points]
