"""The images of the bundled sample; a package only so that wheels contain them."""
