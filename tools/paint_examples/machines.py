"""Pictures of what people have built: a ship, an airliner, a lorry, a car."""

import numpy as np

from tools.paint_examples.canvas import Canvas, below, blob, ellipse, everything, polygon, soft, stroke


def ship() -> Canvas:
    """A cargo ship on a calm sea."""
    c = Canvas(1)
    c.paint(everything(), "#7fb2e0", "#dfeaf0")
    c.shade(np.clip(c.noise(4, 7) * 1.9 - 0.95, 0, 1) * (1 - below(150)), -0.6)
    c.paint(below(152), "#5f87a6", "#1d4265", grain=70)
    c.shade(np.clip(c.noise(6, 60) * 2 - 1.1, 0, 1) * below(152), -0.35)
    c.shade(soft(polygon([(48, 176), (276, 176), (262, 196), (66, 196)]), 3), 0.45)
    hull = blob(
        [
            (40, 140),
            (60, 142),
            (180, 146),
            (255, 142),
            (287, 133),
            (277, 158),
            (268, 178),
            (170, 180),
            (60, 179),
            (50, 166),
        ]
    )
    c.paint(hull, "#2c3440", "#171b22", relief=5)
    c.paint(hull * below(169), "#a33a2b", "#7b2519")
    c.paint(polygon([(42, 141), (286, 135), (285, 139), (43, 145)]), "#d9dde0")
    # The bridge, aft.
    c.paint(polygon([(56, 141), (56, 92), (98, 92), (98, 142)]), "#f6f6f2", "#cfd3d3")
    c.paint(polygon([(52, 96), (52, 90), (104, 90), (104, 96)]), "#ffffff", "#dddddd")
    for row in (101, 112, 123):
        for x in range(61, 96, 7):
            c.paint(polygon([(x, row), (x + 4.5, row), (x + 4.5, row + 5), (x, row + 5)]), "#3a4c5c")
    c.paint(polygon([(66, 90), (68, 70), (84, 70), (86, 90)]), "#c8472f", "#8f2e1c")
    c.paint(polygon([(67, 77), (85, 77), (85.5, 82), (66.5, 82)]), "#f3efe6")
    c.paint(polygon([(92, 90), (93, 58), (94.5, 58), (95, 90)]), "#55606a")
    # Containers, and a mast before them.
    colours = ["#b5452f", "#2f6a8f", "#c98a2b", "#4a7d54", "#8b8f93", "#7a3b52"]
    for level, (left, right) in enumerate([(104, 258), (104, 244), (116, 216)]):
        for number, x in enumerate(range(left, right - 20, 23)):
            y = 133 - 13 * level
            box = polygon([(x, y), (x + 22, y), (x + 22, y + 12), (x, y + 12)])
            c.paint(box, colours[(number * 5 + level * 2) % 6], relief=1.5, strength=25)
            for rib in range(3, 22, 4):
                c.shade(polygon([(x + rib, y), (x + rib + 1, y), (x + rib + 1, y + 12), (x + rib, y + 12)]), 0.18)
    c.paint(polygon([(268, 138), (269, 92), (271, 92), (272, 138)]), "#d8d4c8")
    c.shade(soft(stroke([(274, 178), (240, 182), (160, 183), (40, 182)], 4), 1.2), -0.7)
    c.shade(soft(stroke([(268, 178), (292, 184), (312, 190)], 3), 1.5), -0.5)
    return c


def airplane() -> Canvas:
    """An airliner on its way up."""
    c = Canvas(2)
    c.paint(everything(), "#3f7fc4", "#b9d8ef")
    c.shade(np.clip(c.noise(3, 4) * 2.2 - 1.15, 0, 1), -0.75)
    wing_far = blob([(165, 112), (190, 104), (212, 72), (222, 70), (214, 104), (198, 118)])
    c.paint(wing_far, "#aab4bf", "#8b97a5")
    c.paint(polygon([(60, 118), (48, 76), (66, 74), (98, 114)]), "#20508f", "#2f6fb5", relief=3)
    c.paint(polygon([(66, 112), (34, 100), (44, 97), (92, 109)]), "#c3ccd6", "#98a4b1")
    body = blob(
        [
            (52, 124),
            (70, 114),
            (120, 107),
            (200, 98),
            (250, 92),
            (272, 93),
            (283, 101),
            (272, 110),
            (240, 116),
            (160, 128),
            (90, 132),
            (60, 130),
        ]
    )
    c.paint(body, "#ffffff", "#b7c0ca", relief=7, strength=50)
    c.paint(stroke([(70, 124), (160, 116), (250, 103)], 1.6), "#2f6fb5")
    for x in range(92, 250, 7):
        c.paint(ellipse(x, 119.5 - (x - 92) * 0.118, 1.3, 1.8), "#34465a")
    c.paint(polygon([(262, 98), (270, 97), (275, 100), (266, 102)]), "#2a3a4a")
    c.paint(
        blob([(178, 132), (186, 126), (208, 124), (212, 131), (206, 137), (184, 138)]), "#e3e8ec", "#7b8691", relief=4
    )
    c.paint(ellipse(210, 130.5, 2.6, 5.5), "#39424c")
    wing = blob([(140, 120), (196, 116), (202, 121), (150, 168), (112, 190), (104, 188), (122, 158)])
    c.paint(wing, "#dbe2e8", "#8c98a5", relief=3, strength=40)
    c.paint(stroke([(128, 158), (158, 140), (186, 121)], 0.8), "#77828e")
    c.paint(polygon([(70, 126), (48, 142), (40, 141), (58, 122)]), "#cfd7de", "#98a4b1")
    return c


def truck() -> Canvas:
    """A lorry on a country road."""
    c = Canvas(3)
    c.paint(everything(), "#8fbbe2", "#e6eef2")
    c.shade(np.clip(c.noise(4, 6) * 2 - 1.0, 0, 1), -0.5)
    c.paint(
        blob([(-20, 150), (40, 118), (110, 132), (180, 112), (260, 130), (345, 116), (345, 175), (-20, 175)]),
        "#5d7f56",
        "#6d8a4e",
        grain=60,
    )
    c.paint(below(150), "#7d9a55", "#8aa45a", grain=80)
    c.paint(below(172), "#6d6f73", "#4c4e52", grain=40)
    c.paint(polygon([(0, 215), (320, 215), (320, 219), (0, 219)]), "#e5e2d6")
    c.shade(soft(polygon([(30, 190), (296, 190), (290, 203), (36, 203)]), 4), 0.65)
    c.paint(polygon([(34, 176), (286, 176), (286, 186), (34, 186)]), "#2a2c30")
    c.paint(polygon([(28, 72), (206, 72), (206, 176), (28, 176)]), "#f7f7f4", "#d3d6d8", relief=3, strength=30)
    c.paint(polygon([(28, 128), (206, 128), (206, 150), (28, 150)]), "#c8392b", "#a82e22")
    for x in range(46, 206, 20):
        c.shade(polygon([(x, 72), (x + 1, 72), (x + 1, 176), (x, 176)]), 0.12)
    cab = blob(
        [(216, 182), (215, 130), (217, 98), (228, 91), (262, 92), (272, 100), (282, 134), (290, 142), (292, 182)]
    )
    c.paint(cab, "#d9482f", "#9c2c1c", relief=5)
    c.paint(polygon([(233, 104), (262, 104), (272, 134), (233, 134)]), "#bcd6e6", "#56748a")
    c.paint(polygon([(225, 104), (230, 104), (230, 134), (225, 134)]), "#8db1c6", "#56748a")
    c.shade(stroke([(231, 136), (231, 176)], 1), 0.5)
    c.paint(polygon([(236, 146), (246, 146), (246, 149), (236, 149)]), "#33221f")
    c.paint(ellipse(287, 158, 3.5, 5), "#fff3c4")
    c.paint(polygon([(250, 178), (296, 178), (296, 188), (250, 188)]), "#3a3d42")
    c.paint(polygon([(208, 118), (214, 118), (214, 176), (208, 176)]), "#45484d")
    for x in (62, 98, 186, 254):
        _wheel(c, x, 186, 16)
    return c


def automobile() -> Canvas:
    """A small car by the roadside."""
    c = Canvas(4)
    c.paint(everything(), "#a7cbe8", "#eef2f0")
    c.paint(
        blob([(-20, 130), (60, 92), (140, 116), (220, 88), (345, 120), (345, 180), (-20, 180)]),
        "#587a5b",
        "#7c9a63",
        grain=70,
    )
    c.paint(below(150), "#86a05c", "#7d9653", grain=80)
    c.paint(below(166), "#75777b", "#515357", grain=40)
    c.shade(soft(polygon([(44, 186), (284, 186), (276, 199), (52, 199)]), 4), 0.7)
    body = blob(
        [
            (36, 176),
            (34, 156),
            (44, 142),
            (88, 134),
            (118, 108),
            (150, 100),
            (196, 101),
            (222, 112),
            (246, 134),
            (276, 142),
            (288, 158),
            (286, 178),
            (200, 184),
            (100, 184),
        ]
    )
    c.paint(body, "#e2493b", "#93180f", relief=8, strength=65)
    glass = blob([(100, 135), (122, 112), (150, 106), (194, 107), (216, 116), (234, 134), (170, 137)])
    c.paint(glass, "#cfe4ef", "#4d687c")
    c.paint(polygon([(162, 104), (169, 104), (171, 138), (162, 138)]), "#c23428", "#a3241a")
    c.shade(stroke([(164, 138), (164, 178)], 1), 0.45)
    c.shade(stroke([(98, 138), (104, 176)], 1), 0.3)
    c.shade(stroke([(234, 138), (228, 174)], 1), 0.3)
    c.shade(stroke([(52, 150), (160, 146), (272, 150)], 1.2), -0.4)
    c.paint(polygon([(176, 150), (188, 150), (188, 153), (176, 153)]), "#f0d0cc")
    c.paint(blob([(40, 152), (54, 147), (58, 154), (44, 160)]), "#fff6d8", "#e8d9a8")
    c.paint(blob([(272, 148), (284, 154), (284, 161), (274, 157)]), "#ffb09c", "#d4301f")
    c.paint(polygon([(34, 170), (288, 170), (286, 180), (36, 180)]), "#2d2023", "#1c1416", opacity=0.75)
    for x in (84, 236):
        c.paint(ellipse(x, 178, 25, 24), "#1d1416", opacity=0.9)
        _wheel(c, x, 180, 20)
    return c


def _wheel(c: Canvas, x: float, y: float, radius: float) -> None:
    c.paint(ellipse(x, y, radius, radius), "#303236", "#17181a", relief=2)
    c.paint(ellipse(x, y, radius * 0.6, radius * 0.6), "#d4d8db", "#8b9095", relief=2)
    for turn in range(5):
        angle = turn * 2 * np.pi / 5 + 0.3
        c.paint(
            ellipse(x + radius * 0.36 * np.cos(angle), y + radius * 0.36 * np.sin(angle), radius * 0.1, radius * 0.1),
            "#3b3f44",
        )
    c.paint(ellipse(x, y, radius * 0.15, radius * 0.15), "#5d6267")
