"""Boilerplate is told from descriptions that contain the same words."""

from __future__ import annotations

import pytest

from mmcheck.metrics.caption_boilerplate import boilerplate_ratio

LIMIT = 0.9
BOILERPLATE = """
Image may contain: text
Image may contain: 1 person, standing, outdoor
May be an image of text
No description available
No photo description available.
No alternative text
Free stock photo
Royalty-free stock image
Alamy Stock Photo
Fig. 2.1
Figure 12
Fig. 3 (a)
\uadf8\ub9bc 4
\u0420\u0438\u0441. 5
Enter caption here
Add a description
Source: Wikipedia
Sources: Reuters, AFP
ein Bild
une image
una foto
\u3053\u306e\u753b\u50cf
\u0438\u0437\u043e\u0431\u0440\u0430\u0436\u0435\u043d\u0438\u0435
\u7121\u6a19\u984c
\uc81c\ubaa9 \uc5c6\uc74c
Abb. 3
Click here to enlarge
Click to view larger image
View full size
\u00a9 2019 John Smith
(c) 2019 Name
Copyright 2020 ACME Inc. All rights reserved.
\u00a9 Getty Images/iStock
photo by Anna Miller
Photo: Anna Miller
Photo courtesy of NASA
Image credit: NASA/JPL
Untitled
Screenshot
Screenshot 2020-01-01 at 10.00.00
Loading...
Placeholder
[deleted]
alt text
Image 3 of 10
Photo of the day
Image not available
Keine Beschreibung verf\u00fcgbar
Alle Rechte vorbehalten
Aucune description disponible
Cliquez pour agrandir
Sin descripci\u00f3n
Immagine non disponibile
Geen beschrijving beschikbaar
\u6682\u65e0\u56fe\u7247
\u753b\u50cf\u306a\u3057
\uc774\ubbf8\uc9c0 \uc5c6\uc74c
"""
DESCRIPTIONS = """
A stock pot on a stove
Photo of a dog
Photograph of John Maynard Keynes.
Portrait of Ida M. Tarbell.
Icon of Saint Nicholas
Image may contain: a dog on a beach
Photo by the sea of two children
A man reading a copyright notice
Screenshot of a login page with two buttons
Stock exchange in Frankfurt
Fig tree with ripe fruit
Figure skater in blue
Fig. 2.1 A cell dividing under the microscope
A dog. \u00a9 2019 John Smith
The Sun Dagger at Fajada Butte (credit: National Park Service/Wikimedia Commons, Public Domain)
Page 5 of the Gutenberg bible
John Smith
Click beetle on a leaf
View of the gallery
New car
Open book
Bar
Map of Berlin
A loading dock at night
Test tube with blue liquid
The untitled painting by Rothko in red
\u56fe\u4e66\u9986
\u5199\u771f\u306e\u732b
Kein Hund am Strand
Sin City
Ein Bild von einem Hund
une image de chien
Source: the river Nile in Uganda
\u0444\u043e\u0442\u043e \u043a\u043e\u0448\u043a\u0438
\u3053\u306e\u753b\u50cf\u306f\u732b\u3067\u3059
"""


@pytest.mark.parametrize("text", BOILERPLATE.strip().splitlines())
def test_boilerplate_is_covered(text: str) -> None:
    assert boilerplate_ratio(text) > LIMIT


@pytest.mark.parametrize("text", DESCRIPTIONS.strip().splitlines())
def test_descriptions_are_not(text: str) -> None:
    assert boilerplate_ratio(text) <= LIMIT


@pytest.mark.parametrize("text", ["", "   ", "...", "\U0001f642"])
def test_nothing_is_no_boilerplate(text: str) -> None:
    assert boilerplate_ratio(text) == 0.0


def test_long_text_is_looked_at_in_part() -> None:
    assert boilerplate_ratio("Photo by Anna Miller, " + "a dog runs. " * 50_000) < 0.1
    assert boilerplate_ratio("\u00a9 " + "A b C d " * 5_000) <= 1.0
