"""Fifty sentences as newcomers type them: about films, products, food and service.

They were written before the model was trained on sentences, and they only measure. But what it got
wrong here was a reason to write training pairs with idioms, slang and comparisons.
"""

from training.data.imdb import Reviews, labelled

POSITIVE = [
    "I loved it!",
    "Best pizza in town, we'll be back.",
    "Not bad at all, actually.",
    "The battery lasts two days, I'm really happy with this phone.",
    "I expected to hate it but I ended up watching it twice.",
    "Great service, friendly staff and the room was spotless.",
    "You won't regret buying this.",
    "ok this slaps",
    "The first half is slow, but the ending makes up for it.",
    "Couldn't stop laughing.",
    "My kids can't get enough of it.",
    "Works exactly as described, no complaints.",
    "Thanks so much, you fixed it in five minutes!",
    "I can\u2019t wait for the sequel.",
    "It's not perfect, but I'd buy it again in a heartbeat.",
    "Worth every penny.",
    "This is the best movie I have seen this year.",
    "Delivery was a bit late but the food was delicious.",
    "never had a problem with it",
    "Pretty good for the price.",
    "The acting is superb and the story kept me guessing until the end.",
    "Nobody at our table left a single crumb.",
    "I was skeptical at first, now I use it every day.",
    "A small film with a big heart.",
    "10/10 would recommend",
]
NEGATIVE = [
    "I didn't like it.",
    "meh",
    "This movie was a complete waste of time.",
    "I want my money back.",
    "The food was cold and the waiter was rude.",
    "It broke after two days.",
    "Don't bother.",
    "I wanted to like it, but I couldn't get past the first chapter.",
    "The trailer was better than the movie.",
    "Not worth the money.",
    "Never again.",
    "I've been on hold for an hour and nobody answers.",
    "Looks nice but doesnt work.",
    "It's not the worst, but I wouldn't recommend it.",
    "I fell asleep halfway through.",
    "The hotel was nothing like the pictures.",
    "Great actors, terrible script.",
    "I don't think I'll be coming back.",
    "What a letdown.",
    "The app keeps crashing and support is useless.",
    "Hardly the masterpiece everyone says it is.",
    "overrated af",
    "The plot makes no sense at all.",
    "I wish I could say something nice about it.",
    "It could have been great, but the ending ruined it.",
]


def load() -> Reviews:
    """The fifty, positive ones first."""
    return labelled(POSITIVE, NEGATIVE)
