"""Pages whose right picture is known: one module for each kind of page that other tools get wrong."""
